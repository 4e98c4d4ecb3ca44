//go:build packaging

package trial

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// The versions that are built: an older and a newer one of the same source, which differ in what `kinetail version` says.
const (
	older = "0.1.0"
	newer = "0.2.0"
)

// built are the directories with what make has built, and of which commit: it may be another one before the tests end.
var built struct{ older, newer, commit, date, epoch string }

// repository is the root of the source.
const repository = "../.."

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	if os.Getuid() != 0 {
		fmt.Println("run as root: it makes roots, and boots them")
		return 1
	}
	dir, err := os.MkdirTemp("", "kinetail-trial-")
	if err != nil {
		fmt.Println(err)
		return 1
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil { // other users get in
		fmt.Println(err)
		return 1
	}
	for _, of := range []struct {
		into   *string
		format string
	}{{&built.commit, "%H"}, {&built.date, "%cd"}, {&built.epoch, "%ct"}} {
		c := exec.Command("git", "-C", repository, "log", "-1", "--date=format-local:%Y-%m-%dT%H:%M:%SZ", "--format="+of.format)
		c.Env = append(os.Environ(), "TZ=UTC")
		out, err := c.Output()
		if err != nil {
			fmt.Println("git log:", err)
			return 1
		}
		*of.into = strings.TrimSpace(string(out))
	}
	built.older, built.newer = filepath.Join(dir, "older"), filepath.Join(dir, "newer")
	for _, b := range [][]string{
		{"package", "VERSION=v" + older, "DIST=" + built.older, "ARCHITECTURES=" + runtime.GOARCH},
		{"release", "VERSION=v" + newer, "DIST=" + built.newer},
	} {
		if err := build(repository, b...); err != nil {
			fmt.Println(err)
			return 1
		}
	}
	return m.Run()
}

// build runs make in a copy of the source.
func build(source string, args ...string) error {
	args = append(args, "COMMIT="+built.commit, "DATE="+built.date, "SOURCE_DATE_EPOCH="+built.epoch)
	c := exec.Command("make", append([]string{"-s", "-C", source}, args...)...)
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "MAKE") && !strings.HasPrefix(v, "MFLAGS") {
			c.Env = append(c.Env, v)
		}
	}
	for _, a := range args {
		if name, _, ok := strings.Cut(a, "="); ok && (name == "DIST" || name == "ARCHITECTURES") {
			c.Env = append(c.Env, a)
		}
	}
	if err := c.Run(); err != nil {
		return fmt.Errorf("make %s: %w\n%s", strings.Join(args, " "), err, &out)
	}
	return nil
}

// sh runs a program and returns what it says; it must end with 0.
func sh(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, code := try(t, name, args...)
	if code != 0 {
		t.Fatalf("%s %s: exit code %d\n%s", name, strings.Join(args, " "), code, out)
	}
	return out
}

// try runs a program and returns what it says and its exit code.
func try(t *testing.T, name string, args ...string) (string, int) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if exit != nil {
		return string(out), exit.ExitCode()
	}
	return string(out), 0
}

// one is the path that matches a pattern below a directory.
func one(t *testing.T, dir, pattern string) string {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil || len(all) != 1 {
		t.Fatalf("%s in %s: %q, %v", pattern, dir, all, err)
	}
	return all[0]
}

func has(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%q is missing in:\n%s", part, text)
		}
	}
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

func write(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}
