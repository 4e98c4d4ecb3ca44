//go:build page

package status

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// The page in a real browser (`make page`): it is drawn, in good times, under throttling and with a denied stream, on a desk and on a phone, by day and
// by night; nothing in it is against its own policy, and nothing is wider than the screen. Where KINETAIL_SCREENSHOTS names a directory, the
// pictures stay there, to be looked at.
func TestThePageInABrowser(t *testing.T) {
	browser := findBrowser(t)
	dir := os.Getenv("KINETAIL_SCREENSHOTS")
	if dir == "" {
		dir = t.TempDir()
	}
	for _, c := range []struct {
		name   string
		change func(*Snapshot, float64)
		want   []string
	}{
		{"good", nil, []string{"well", "220 files", "delivery stream archive", "15 min ago"}},
		{"throttled", throttled, []string{"slow", "refuses records for the rate", "growing by"}},
		{"denied", denied, []string{"wrong", "takes nothing since 11:53:00 UTC", "permission denied"}},
	} {
		s, h := scene(c.change)
		render := func(context.Context) ([]byte, error) {
			return Page(s, h, "web-7.eu-west-1", noon.Add(time.Second)), nil
		}
		address := serveOnce(t, func(address string) http.Handler { return PageHandler("/", address, render) })
		// The same page with everything opened and one more script, which tells how wide it is. Only for the test is the policy let down.
		measured := serveOnce(t, func(string) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				text, _ := render(r.Context())
				text = bytes.ReplaceAll(text, []byte("<details"), []byte("<details open"))
				_, _ = w.Write(append(text, "<script>document.title=document.documentElement.scrollWidth+' of '+innerWidth</script>"...))
			})
		})
		for _, screen := range []struct {
			name string
			size string
			dark bool
		}{{"desktop", "1200,1400", false}, {"phone", "390,1900", false}, {"night", "1200,1400", true}} {
			t.Run(c.name+"/"+screen.name, func(t *testing.T) {
				args := []string{"--window-size=" + screen.size}
				if screen.dark {
					args = append(args, "--blink-settings=preferredColorScheme=0")
				}
				picture := filepath.Join(dir, c.name+"-"+screen.name+".png")
				_, log := chromium(t, browser, append(args, "--screenshot="+picture, "--hide-scrollbars", "http://"+address+"/")...)
				if strings.Contains(log, "CONSOLE") {
					t.Errorf("the browser complains: %s", log)
				}
				if info, err := os.Stat(picture); err != nil || info.Size() < 20_000 {
					t.Errorf("no picture, or an empty one: %v", err)
				}
				dom, _ := chromium(t, browser, append(args, "--dump-dom", "http://"+measured+"/")...)
				for _, want := range c.want {
					if !strings.Contains(dom, want) {
						t.Errorf("the page does not say %q", want)
					}
				}
				var is, may int
				if m := regexp.MustCompile(`<title>(\d+) of (\d+)`).FindStringSubmatch(dom); m != nil {
					is, _ = strconv.Atoi(m[1])
					may, _ = strconv.Atoi(m[2])
				}
				if is == 0 || is > may {
					t.Errorf("the page is %d pixels wide on a screen of %d", is, may)
				}
			})
		}
	}
}

// The page renews itself, and says when the agent does not answer.
func TestThePageRenewsItselfInABrowser(t *testing.T) {
	browser := findBrowser(t)
	t.Run("an agent that runs", func(t *testing.T) {
		var asked atomic.Int64
		s, h := scene(nil)
		address := serveOnce(t, func(address string) http.Handler {
			return PageHandler("/", address, func(context.Context) ([]byte, error) {
				s.PID = int(1000 + asked.Add(1))
				return Page(s, h, "web-7", noon.Add(time.Second)), nil
			})
		})
		dom, log := chromium(t, browser, "--virtual-time-budget=16000", "--dump-dom", "http://"+address+"/")
		if n := asked.Load(); n < 3 || !strings.Contains(dom, fmt.Sprint("pid ", 1000+n)) {
			t.Errorf("asked %d times in 16 s, and shows %s", n, regexp.MustCompile(`pid \d+`).FindString(dom))
		}
		if strings.Contains(log, "CONSOLE") {
			t.Errorf("the browser complains: %s", log)
		}
	})
	t.Run("an agent that is gone", func(t *testing.T) {
		var asked atomic.Int64
		s, h := scene(nil)
		address := serveOnce(t, func(address string) http.Handler {
			return PageHandler("/", address, func(context.Context) ([]byte, error) {
				if asked.Add(1) > 1 {
					return nil, ErrNoAgent
				}
				return Page(s, h, "web-7", noon.Add(time.Second)), nil
			})
		})
		dom, _ := chromium(t, browser, "--virtual-time-budget=8000", "--dump-dom", "http://"+address+"/")
		if !strings.Contains(dom, `<div id="gone" class="say wrong"><p>`) || !strings.Contains(dom, "stream clickstream") {
			t.Error("it does not say that what it shows is old")
		}
	})
}

func findBrowser(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Fatal("neither chromium nor google-chrome is installed: make page installs chromium from Debian")
	return ""
}

func serveOnce(t *testing.T, handler func(address string) http.Handler) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: handler(l.Addr().String()), ReadHeaderTimeout: time.Second}
	done := make(chan struct{})
	go func() { _ = s.Serve(l); close(done) }()
	t.Cleanup(func() { _ = s.Close(); <-done })
	return l.Addr().String()
}

func chromium(t *testing.T, browser string, args ...string) (out, log string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, browser, append([]string{
		"--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update",
		"--disable-sync", "--enable-logging=stderr", "--user-data-dir=" + t.TempDir(),
	}, args...)...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Run(); err != nil {
		t.Fatalf("chromium %v: %v\n%s", args, err, stderr.String())
	}
	return stdout.String(), fmt.Sprint(stderr.String())
}
