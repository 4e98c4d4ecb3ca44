package checkpoint

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if job := os.Getenv("CHECKPOINT_CHILD"); job != "" {
		child(job, os.Getenv("CHECKPOINT_DIR"))
		return
	}
	goleak.VerifyTestMain(m)
}

var silent = slog.New(slog.DiscardHandler)

// open opens with commits only by Sync and Close, so that a test decides when.
func open(t *testing.T, dir string) *Store {
	t.Helper()
	s, err := Open(dir, Options{Log: silent, Interval: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func mustSync(t *testing.T, s *Store) {
	t.Helper()
	if err := s.Sync(context.Background()); err != nil {
		t.Fatal(err)
	}
}

func gen(flow string, i int) Generation {
	return Generation{
		ID: fmt.Sprintf("gen-%06d", i), Flow: flow, Path: fmt.Sprintf("/var/log/app/%06d.log", i),
		Names: []string{fmt.Sprintf("/var/log/app/%06d.log", i), fmt.Sprintf("/var/log/app/%06d.log.1", i)},
		Dev:   2049, Ino: 1000 + uint64(i), Birth: 1767225600000000000 + int64(i),
		Head: Sum([]byte("head" + fmt.Sprint(i))), Marker: Sum([]byte("marker" + fmt.Sprint(i))),
		Offset: int64(i) * 1000, Size: int64(i) * 1001, Seq: uint64(i),
		CaughtUp: time.Date(2026, 1, 1, 0, 0, 0, 123456789, time.UTC), Seen: time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC),
	}
}

func mustLoad(t *testing.T, s *Store, flow string) []Generation {
	t.Helper()
	all, err := s.Load(flow)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestRememberedAfterReopen(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state", "deep")
	s := open(t, dir)
	full := Generation{
		ID: "a", Flow: "f", Path: "/l/\xff\xfe.log", Names: []string{"/l/\xff\xfe.log", "/l/<b>\n&.log", bytesPrefix + "x"}, Dev: 1 << 63, Ino: 1<<64 - 1,
		Birth: -5, Head: Sum(make([]byte, 256)), Marker: Sum([]byte("x")), Offset: 1 << 62, Size: 1<<62 + 1,
		ModTime: time.Unix(5, 7).UTC(), Drained: true, Final: true, Compression: "zstd", CaughtUp: time.Unix(1, 1).UTC(), Seen: time.Unix(2, 2).UTC(), Seq: 1<<64 - 1,
	}
	s.Put(full)
	s.Put(gen("f", 2))
	s.Put(gen("g", 3))
	s.Put(gen("g", 4))
	s.Delete("g", gen("g", 4).ID)
	s.MarkFirstScan("f", "/l/*.log")
	s.SetValue("f", "k\xff", []byte("v\x00\xff"))
	s.SetValue("f", "gone", []byte("v"))
	s.SetValue("f", "gone", nil)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir)
	if s.Rebuilt() != nil {
		t.Fatalf("rebuilt: %+v", s.Rebuilt())
	}
	if d := cmp.Diff([]Generation{full, gen("f", 2)}, mustLoad(t, s, "f")); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]Generation{gen("g", 3)}, mustLoad(t, s, "g")); d != "" {
		t.Error(d)
	}
	if s.FirstScan("f", "/l/*.log") || !s.FirstScan("f", "/l/*") || !s.FirstScan("g", "/l/*.log") {
		t.Error("first scans are not remembered")
	}
	if got := s.Value("f", "k\xff"); string(got) != "v\x00\xff" || s.Value("f", "gone") != nil {
		t.Errorf("value %q", got)
	}
	if got := s.Flows(); !slices.Equal(got, []string{"f", "g"}) {
		t.Errorf("flows %q", got)
	}
	listed, err := List(dir)
	if err != nil || len(listed) != 3 {
		t.Errorf("listed %d, %v", len(listed), err)
	}
	for path, want := range map[string]os.FileMode{dir: 0o700, databasePath(dir): 0o600, filepath.Join(dir, lockName): 0o600} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v %v", path, info.Mode(), err)
		}
	}
}

func TestImpossibleTimesDoNotStopCommits(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	g := gen("f", 1)
	g.ModTime = time.Unix(1<<55, 0)
	s.Put(g)
	mustSync(t, s)
}

func TestRenameAndForget(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	s.Put(gen("old", 1))
	s.MarkFirstScan("old", "p")
	s.SetValue("old", "k", []byte("v"))
	mustSync(t, s)
	if err := s.RenameFlow("none", "x"); !errors.Is(err, ErrUnknownFlow) {
		t.Errorf("rename of nothing: %v", err)
	}
	if err := s.RenameFlow("old", "new"); err != nil {
		t.Fatal(err)
	}
	s.Put(gen("other", 1))
	if err := s.RenameFlow("other", "new"); err == nil {
		t.Error("two flows became one")
	}
	s.Forget("other")
	mustSync(t, s)
	_ = s.Close()
	s = open(t, dir)
	want := gen("new", 1)
	if d := cmp.Diff([]Generation{want}, mustLoad(t, s, "new")); d != "" || s.FirstScan("new", "p") || string(s.Value("new", "k")) != "v" {
		t.Errorf("not carried over: %s", d)
	}
	if got := s.Flows(); !slices.Equal(got, []string{"new"}) {
		t.Errorf("flows %q", got)
	}
}

func TestCommitsByItself(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(dir, Options{Log: silent, Interval: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	s.Put(gen("f", 1))
	deadline := time.Now().Add(10 * time.Second)
	for {
		if all, err := List(dir); err == nil && len(all) == 1 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("nothing was committed")
		}
		time.Sleep(time.Millisecond)
	}
	if st := s.Stats(); st.Generations != 1 || st.Commits < 1 || st.Errors != 0 || st.LastCommit.IsZero() {
		t.Errorf("%+v", st)
	}
}

func TestCallersDoNotShareMemory(t *testing.T) {
	s := open(t, t.TempDir())
	g := gen("f", 1)
	s.Put(g)
	g.Names[0] = "changed"
	got := mustLoad(t, s, "f")
	got[0].Names[1] = "changed"
	if d := cmp.Diff([]Generation{gen("f", 1)}, mustLoad(t, s, "f")); d != "" {
		t.Error(d)
	}
}

func TestAfterClose(t *testing.T) {
	s := open(t, t.TempDir())
	_ = s.Close()
	if err := s.Sync(context.Background()); !errors.Is(err, ErrClosed) {
		t.Errorf("sync after close: %v", err)
	}
	s.Put(gen("f", 1))
	if err := s.Close(); err != nil {
		t.Errorf("second close: %v", err)
	}
}

func TestInUse(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	_, err := Open(dir, Options{Log: silent, LockTimeout: 50 * time.Millisecond})
	var inUse *InUseError
	if !errors.As(err, &inUse) || inUse.PID != os.Getpid() {
		t.Fatalf("got %v", err)
	}
	if want := fmt.Sprintf("state directory %s is in use by kinetail with pid %d", dir, os.Getpid()); !strings.HasPrefix(err.Error(), want) {
		t.Errorf("message %q", err)
	}
	done := make(chan error, 1)
	go func() {
		other, err := Open(dir, Options{Log: silent, LockTimeout: 10 * time.Second})
		if err == nil {
			err = other.Close()
		}
		done <- err
	}()
	_ = s.Close()
	if err := <-done; err != nil {
		t.Errorf("after the first is gone: %v", err)
	}
}
