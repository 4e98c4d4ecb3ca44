package status

import (
	"context"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
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
