package status

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestControlSocket(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	path := filepath.Join(t.TempDir(), "control.sock")
	if _, err := Get(context.Background(), "unix://"+path); err == nil || !strings.Contains(err.Error(), "no agent listens") {
		t.Errorf("without an agent: %v", err)
	}
	s, err := ListenControl("unix://"+path, sample, log)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	got, err := Get(context.Background(), "unix://"+path)
	if err != nil {
		t.Fatal(err)
	}
	if got.Version != "1.2.3" || len(got.Flows) != 1 || got.Flows[0].Destinations[0].Counters["RecordsSent"] != 9 {
		t.Errorf("got %+v", got)
	}
	if _, err := ListenControl("unix://"+path, sample, log); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("a second agent: %v", err)
	}
	s.Close()
	if _, err := os.Stat(path); err == nil {
		t.Error("the socket is left behind")
	}
}

func TestTheControlSocketSaysWhoAsks(t *testing.T) {
	path := filepath.Join(t.TempDir(), "control.sock")
	s, err := ListenControl("unix://"+path, sample, slog.New(slog.DiscardHandler), Route{"GET /who", func(w http.ResponseWriter, r *http.Request) {
		uid, ok := PeerUID(r)
		_ = json.NewEncoder(w).Encode([]any{uid, ok})
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var got []any
	if err := ask(context.Background(), "unix://"+path, http.MethodGet, "/who", &got); err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || got[0] != float64(os.Geteuid()) || got[1] != true {
		t.Errorf("got %v, want uid %d", got, os.Geteuid())
	}
	if _, ok := PeerUID(httptest.NewRequest(http.MethodGet, "/who", nil)); ok {
		t.Error("a request from elsewhere has a user")
	}
}

// Whoever is neither root nor the agent's user gets no answer, also where the socket's mode would let them in.
func TestTheControlSocketRefusesOtherUsers(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can act as another user")
	}
	dir, err := os.MkdirTemp("", "kinetail") // t.TempDir is within directories of root alone
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	path := filepath.Join(dir, "control.sock")
	s, err := ListenControl("unix://"+path, sample, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := errors.Join(os.Chmod(dir, 0o755), os.Chmod(path, 0o666)); err != nil { //nolint:gosec // opened on purpose
		t.Fatal(err)
	}
	got := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread, which alone becomes another user, ends with the goroutine
		const nobody, same = 65534, ^uintptr(0)
		if _, _, e := unix.RawSyscall(unix.SYS_SETRESUID, same, nobody, same); e != 0 {
			got <- e
			return
		}
		c, err := net.Dial("unix", path)
		if err == nil {
			_, _ = c.Write([]byte("GET /v1/status HTTP/1.0\r\n\r\n"))
			b, _ := io.ReadAll(c) // it is closed, or reset
			_ = c.Close()
			if len(b) > 0 {
				err = fmt.Errorf("was answered: %s", b)
			}
		}
		got <- err
	}()
	if err := <-got; err != nil {
		t.Error(err)
	}
	if _, err := Get(t.Context(), "unix://"+path); err != nil {
		t.Errorf("root: %v", err)
	}
}

func TestControlSocketOfAKilledAgentIsReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "control.sock")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	s, err := ListenControl("unix://"+path, sample, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ListenControl("unix://"+path, sample, slog.New(slog.DiscardHandler)); err == nil {
		t.Error("a file that is no socket was replaced")
	}
}
