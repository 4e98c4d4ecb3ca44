//go:build compare

package compare

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// What the writer does: a file of lines of 100 bytes, renamed and made anew, as logrotate does it without copytruncate. As a service does that
// is told of the rotation a moment later, the writer still writes lateLines to what it has open, after the rename.
const (
	lineSize  = 100
	rate      = 13_000_000 // bytes a second
	rotations = 40
	keep      = 10 // rotated files; older ones are removed
	lateLines = 100
	period    = 250 * time.Millisecond // between two rotations
)

// The size of the file, in bytes, that is only read: no rotation, to see the speed.
const staticSize = 256 << 20

// followers are compared. Each runs in a process of its own: nxadm/tail ends the process when a stat fails.
var followers = []string{"kinetail, inotify", "kinetail, polling", "nxadm/tail, inotify", "nxadm/tail, polling"}

// result is what a follower's process says.
type result struct {
	Seen, Repeated, OutOfOrder int
	CPU                        time.Duration
	Took                       time.Duration // of a static file
}

func TestMain(m *testing.M) {
	if who := os.Getenv("COMPARE_FOLLOWER"); who != "" {
		os.Exit(child(who))
	}
	os.Exit(m.Run())
}

func TestCompare(t *testing.T) {
	var table strings.Builder
	fmt.Fprintf(&table, "\n| follower | written | lost | repeated | out of order | reads a file at |\n|---|---|---|---|---|---|\n")
	for _, who := range followers {
		written, r, ended := rotating(t, who)
		lost := written - r.Seen
		speed := static(t, who)
		fmt.Fprintf(&table, "| %s | %d | %d (%.2f %%)%s | %d | %d | %s |\n",
			who, written, lost, 100*float64(lost)/float64(written), ended, r.Repeated, r.OutOfOrder, speed)
		if strings.HasPrefix(who, "kinetail") && (lost != 0 || r.Repeated != 0 || r.OutOfOrder != 0) {
			t.Errorf("%s: %d lost, %+v", who, lost, r)
		}
	}
	t.Log(table.String())
}

// rotating lets one follower follow the writer's file.
func rotating(t *testing.T, who string) (written int, r result, ended string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "app.log")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd, out := run(t, who, path, "follow")
	time.Sleep(time.Second) // it has begun
	written, err := writeAndRotate(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		ended = fmt.Sprintf(", and it ended: %v", err)
	}
	r = parse(t, out, &ended)
	return written, r, ended
}

// static lets one follower read a file that nobody writes to.
func static(t *testing.T, who string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "static.log")
	block := bytes.Repeat(append(bytes.Repeat([]byte("x"), 259), '\n'), staticSize/260/64)
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	size := 0
	for range 64 {
		n, err := f.Write(block)
		if err != nil {
			t.Fatal(err)
		}
		size += n
	}
	cmd, out := run(t, who, path, "read")
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%s: %v\n%s", who, err, out)
	}
	ended := ""
	r := parse(t, out, &ended)
	if r.Seen != size/260 {
		t.Errorf("%s read %d lines of %d", who, r.Seen, size/260)
	}
	return fmt.Sprintf("%.0f MB/s, %.2f CPU-seconds per GB", float64(size)/1e6/r.Took.Seconds(), r.CPU.Seconds()/(float64(size)/1e9))
}

func run(t *testing.T, who, path, how string) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	out := &bytes.Buffer{}
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), "COMPARE_FOLLOWER="+who, "COMPARE_PATH="+path, "COMPARE_HOW="+how)
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, out
}

// parse takes the last line that is a result: a process that was ended by its own library had written one a moment before.
func parse(t *testing.T, out *bytes.Buffer, ended *string) result {
	t.Helper()
	var r result
	found := false
	for line := range strings.Lines(out.String()) {
		found = json.Unmarshal([]byte(line), &r) == nil || found
	}
	if !found {
		*ended += " " + out.String()
	}
	return r
}

func writeAndRotate(path string) (lines int, err error) {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, err
	}
	write := func(n int) {
		var b bytes.Buffer
		for range n {
			fmt.Fprintf(&b, "%09d %s\n", lines, strings.Repeat("x", lineSize-11))
			lines++
		}
		if err == nil {
			_, err = f.Write(b.Bytes())
		}
	}
	began := time.Now()
	for r := 0; r <= rotations && err == nil; r++ {
		for until := began.Add(time.Duration(r+1) * period); time.Now().Before(until) && err == nil; {
			write(lateLines)
			time.Sleep(time.Until(began.Add(time.Duration(lines*lineSize) * time.Second / rate)))
		}
		if r == rotations || err != nil {
			break
		}
		for k := keep; k > 0; k-- {
			_ = os.Rename(path+"."+strconv.Itoa(k), path+"."+strconv.Itoa(k+1)) // the oldest are not there at first
		}
		_ = os.Remove(path + "." + strconv.Itoa(keep+1))
		if err := os.Rename(path, path+".1"); err != nil {
			return lines, err
		}
		write(lateLines)
		f.Close()
		var open error
		if f, open = os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600); open != nil {
			return lines, open
		}
	}
	defer f.Close()
	return lines, err
}
