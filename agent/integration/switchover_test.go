//go:build integration

package integration

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// busyWriter writes numbered lines to a file, a thousand a second, until it is stopped.
type busyWriter struct {
	t     *testing.T
	path  string
	lines []string
	mu    sync.Mutex // held while the file is written or rotated
	file  *os.File
	stop  chan struct{}
	ended sync.WaitGroup
}

func startBusyWriter(t *testing.T, path string) *busyWriter {
	t.Helper()
	w := &busyWriter{t: t, path: path, stop: make(chan struct{})}
	w.open()
	w.ended.Go(func() {
		for {
			select {
			case <-w.stop:
				return
			case <-time.After(5 * time.Millisecond):
			}
			w.mu.Lock()
			for range 5 {
				line := fmt.Sprintf("line %07d of what the program has to say", len(w.lines))
				w.lines = append(w.lines, line)
				if _, err := w.file.WriteString(line + "\n"); err != nil {
					t.Error(err)
				}
			}
			w.mu.Unlock()
		}
	})
	return w
}

func (w *busyWriter) open() {
	f, err := os.OpenFile(w.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		w.t.Fatal(err)
	}
	w.file = f
}

// rotate renames the file to .1, and those before it on.
func (w *busyWriter) rotate() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for n := 20; n >= 0; n-- {
		from := w.path
		if n > 0 {
			from += fmt.Sprintf(".%d", n)
		}
		if _, err := os.Stat(from); err == nil {
			if err := os.Rename(from, fmt.Sprintf("%s.%d", w.path, n+1)); err != nil {
				w.t.Fatal(err)
			}
		}
	}
	_ = w.file.Close()
	w.open()
}

func (w *busyWriter) end() []string {
	close(w.stop)
	w.ended.Wait()
	_ = w.file.Close()
	return w.lines
}

// TestSwitchOver lets another agent follow a busy log that is rotated, with its positions in a real SQLite database as the Java agent has them; stops it; rotates
// on while none runs; and lets kinetail go on with the positions. Every line is with one of the two, once.
func TestSwitchOver(t *testing.T) {
	for _, journal := range []string{"delete", "wal"} {
		t.Run(journal, func(t *testing.T) {
			dir := t.TempDir()
			server := startKinesisLocal(t, dir)
			log, sent, db := filepath.Join(dir, "app.log"), filepath.Join(dir, "sent"), filepath.Join(dir, "checkpoints")
			config := filepath.Join(dir, "agent.json")
			write(t, config, fmt.Sprintf(`{ "kinesis.endpoint": %q, "kinesis.region": %q, "cloudwatch.emitMetrics": false,
				"flows": [ { "filePattern": %q, "kinesisStream": %q, "maxBufferAgeMillis": 500 } ] }`, server.endpoint, region, log+"*", stream))
			w := startBusyWriter(t, log)
			other := start(t, dir, "other-agent", nil, "python3", fromRoot("agent/integration/testdata/other_agent.py"), log, sent, db,
				"kinesis:"+stream+":"+log+"*", journal)
			eventually(t, 30*time.Second, "the other agent has begun", func() bool { // it does not look for what was rotated before
				st, err := os.Stat(sent)
				return err == nil && st.Size() > 0
			})
			for range 3 {
				time.Sleep(600 * time.Millisecond)
				w.rotate()
			}
			time.Sleep(500 * time.Millisecond)
			refused := exec.Command(kinetailBinary(), "convert", config, "--checkpoints", db, "--state-dir", filepath.Join(dir, "state"))
			if out, err := refused.CombinedOutput(); err == nil || !strings.Contains(string(out), "stop the Java agent first") {
				t.Errorf("while the other agent runs: %v\n%s", err, out)
			}
			other.stop(5 * time.Second)
			for range 2 { // nobody reads now
				w.rotate()
				time.Sleep(300 * time.Millisecond)
			}

			convert := exec.Command(kinetailBinary(), "convert", config, "--checkpoints", db, "--state-dir", filepath.Join(dir, "state"))
			var said strings.Builder
			convert.Stderr = &said
			hcl, err := convert.Output()
			if err != nil {
				t.Fatalf("%v\n%s", err, said.String())
			}
			_, positions, _ := strings.Cut(said.String(), "positions")
			t.Log(positions)
			k := &kinetail{t: t, dir: dir}
			write(t, filepath.Join(dir, "kinetail.hcl"), strings.Replace(string(hcl), "agent {\n", "agent {\n  listen = \"off\"\n", 1))
			k.start()
			for range 2 {
				time.Sleep(500 * time.Millisecond)
				w.rotate()
			}
			time.Sleep(500 * time.Millisecond)
			written := w.end()

			arrived := func() []string {
				all := lines(t, sent)
				for _, r := range server.read() {
					all = append(all, strings.TrimSuffix(r, "\n"))
				}
				return all
			}
			for end := time.Now().Add(90 * time.Second); len(arrived()) < len(written) && time.Now().Before(end); {
				time.Sleep(100 * time.Millisecond)
			}
			k.stop()
			before := len(lines(t, sent))
			v := judge(t, written, written, arrived())
			v.check(t, false)
			if v.repeated > 0 {
				t.Errorf("%d lines are with both agents, or twice with one", v.repeated)
			}
			if ours := len(written) - before; before == 0 || ours == 0 {
				t.Errorf("%d lines with the one, %d with the other: this shows nothing", before, ours)
			}
			t.Logf("%d lines: %d with the other agent, %d with kinetail", len(written), before, len(written)-before)
		})
	}
}
