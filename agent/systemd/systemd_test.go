package systemd

import (
	"bytes"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// manager listens as systemd does, at a path or an abstract address.
func manager(t *testing.T, address string) (received func() string) {
	t.Helper()
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: address, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	t.Setenv("NOTIFY_SOCKET", address)
	return func() string {
		t.Helper()
		b := make([]byte, 4096)
		if err := l.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		n, err := l.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		return string(b[:n])
	}
}

func TestNotify(t *testing.T) {
	for name, address := range map[string]string{
		"path":     filepath.Join(t.TempDir(), "notify"),
		"abstract": fmt.Sprintf("@kinetail-test-%d", os.Getpid()),
	} {
		t.Run(name, func(t *testing.T) {
			received := manager(t, address)
			n, err := FromEnvironment()
			if err != nil {
				t.Fatal(err)
			}
			defer n.Close()
			for _, c := range []struct {
				send func() error
				want string
			}{
				{n.Ready, "READY=1"},
				{n.Alive, "WATCHDOG=1"},
				{func() error { return n.Stopping(90 * time.Second) }, "STOPPING=1\nEXTEND_TIMEOUT_USEC=90000000"},
				{func() error { return n.Status("2 flows,\n no  lag") }, "STATUS=2 flows, no lag"},
				{func() error { return n.Status(strings.Repeat("é", maxStatus)) }, "STATUS=" + strings.Repeat("é", maxStatus/2-2) + "..."},
			} {
				if err := c.send(); err != nil {
					t.Fatal(err)
				}
				if got := received(); got != c.want {
					t.Errorf("got %q, want %q", got, c.want)
				}
			}
		})
	}
}

func TestReloadingCarriesTheMonotonicClock(t *testing.T) {
	received := manager(t, filepath.Join(t.TempDir(), "notify"))
	n, err := FromEnvironment()
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	clock := func() int64 {
		var now unix.Timespec
		if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
			t.Fatal(err)
		}
		return now.Nano() / 1000
	}
	before := clock()
	if err := n.Reloading(); err != nil {
		t.Fatal(err)
	}
	text, ok := strings.CutPrefix(received(), "RELOADING=1\nMONOTONIC_USEC=")
	at, err := strconv.ParseInt(text, 10, 64)
	if !ok || err != nil || at < before || at > clock() {
		t.Errorf("got %q, which is not between %d and now", text, before)
	}
}

func TestNobodyListens(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	n, err := FromEnvironment()
	if n != nil || err != nil {
		t.Fatalf("got %v, %v", n, err)
	}
	for _, send := range []func() error{n.Ready, n.Reloading, n.Alive, func() error { return n.Stopping(0) }, func() error { return n.Status("x") }} {
		if err := send(); err != nil {
			t.Error(err)
		}
	}
	n.Close()
	for _, wrong := range []string{"vsock:2:1", filepath.Join(t.TempDir(), "nothing")} {
		t.Setenv("NOTIFY_SOCKET", wrong)
		if n, err := FromEnvironment(); n != nil || err == nil {
			t.Errorf("%s: got %v, %v", wrong, n, err)
		}
	}
}

func TestWatchdog(t *testing.T) {
	manager(t, filepath.Join(t.TempDir(), "notify"))
	for _, c := range []struct {
		usec, pid string
		want      time.Duration
	}{
		{"", "", 0},
		{"120000000", "", 2 * time.Minute},
		{"120000000", strconv.Itoa(os.Getpid()), 2 * time.Minute},
		{"120000000", "1", 0},
		{"soon", "", 0},
		{"-5", "", 0},
	} {
		t.Setenv("WATCHDOG_USEC", c.usec)
		t.Setenv("WATCHDOG_PID", c.pid)
		n, err := FromEnvironment()
		if err != nil {
			t.Fatal(err)
		}
		if got := n.Watchdog(); got != c.want {
			t.Errorf("WATCHDOG_USEC=%q WATCHDOG_PID=%q: %s, want %s", c.usec, c.pid, got, c.want)
		}
		n.Close()
	}
}

func TestIsJournal(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		stream string
		want   bool
	}{
		{"", false}, {"x", false}, {fmt.Sprintf("%d:%d", st.Dev, st.Ino), true}, {fmt.Sprintf("%d:%d", st.Dev, st.Ino+1), false},
	} {
		t.Setenv("JOURNAL_STREAM", c.stream)
		if got := IsJournal(f); got != c.want {
			t.Errorf("JOURNAL_STREAM=%q: %v", c.stream, got)
		}
		if IsJournal(new(bytes.Buffer)) {
			t.Error("a buffer is no journal")
		}
	}
}

func TestJournalLines(t *testing.T) {
	var b bytes.Buffer
	log := slog.New(NewHandler(&b, slog.LevelDebug)).With("flow", "web")
	log.Error("level=INFO is no level here", "time", "noon")
	log.Warn("b")
	log.Info("c", "text", "two\nlines")
	log.Debug("d")
	want := "<3>msg=\"level=INFO is no level here\" flow=web time=noon\n" +
		"<4>msg=b flow=web\n<6>msg=c flow=web text=\"two\\nlines\"\n<7>msg=d flow=web\n"
	if b.String() != want {
		t.Errorf("got\n%swant\n%s", b.String(), want)
	}
}
