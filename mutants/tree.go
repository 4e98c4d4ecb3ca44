package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// tree is a copy of the repository that may be broken.
type tree struct{ dir string }

// verdict says whether the tests noticed a mutant.
type verdict struct {
	noticed bool
	by      string // the tests that failed, or what went wrong
	output  string // for people, when something went wrong
}

// testTimeout ends a test that a mutant makes hang; go test then fails, which counts as noticed.
const testTimeout = "-timeout=120s"

// failed finds the names of failed tests and subtests in the output of go test.
var failed = regexp.MustCompile(`(?m)^\s*--- FAIL: (\S+)`)

// try applies a mutant, runs its tests, and takes it back.
func (t tree) try(ctx context.Context, m mutant) verdict {
	if out, err := t.test(ctx, m); err != nil {
		return verdict{by: "its tests fail without it: " + tests(out), output: out}
	}
	if out, err := t.run(ctx, "git", "apply", m.path); err != nil {
		return verdict{by: "the patch no longer applies", output: out}
	}
	v := t.mutated(ctx, m)
	if out, err := t.run(context.WithoutCancel(ctx), "git", "apply", "--reverse", m.path); err != nil {
		return verdict{by: "the patch could not be taken back", output: out}
	}
	return v
}

func (t tree) mutated(ctx context.Context, m mutant) verdict {
	if out, err := t.test(ctx, mutant{test: append([]string{"-run=^$"}, m.packages()...)}); err != nil {
		return verdict{by: "the mutant does not compile", output: out}
	}
	out, err := t.test(ctx, m)
	if err == nil {
		return verdict{by: "all its tests still pass"}
	}
	return verdict{noticed: true, by: tests(out)}
}

func (t tree) test(ctx context.Context, m mutant) (string, error) {
	return t.run(ctx, "go", append([]string{"test", "-count=1", testTimeout}, m.test...)...)
}

// tests says which tests failed: the first few, and how many more.
func tests(output string) string {
	const few = 3
	var names []string
	for _, match := range failed.FindAllStringSubmatch(output, -1) {
		// A test is listed before its subtests, which say more.
		names = slices.DeleteFunc(names, func(n string) bool { return strings.HasPrefix(match[1], n+"/") })
		names = append(names, match[1])
	}
	if strings.Contains(output, "panic: test timed out") {
		names = append(names, "timeout")
	}
	if len(names) == 0 {
		return "go test"
	}
	if more := len(names) - few; more > 0 {
		names = append(names[:few], fmt.Sprintf("and %d more", more))
	}
	return strings.Join(names, " ")
}

// run runs a program in the tree.
func (t tree) run(ctx context.Context, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = t.dir
	// The copy is no repository, and must not be taken for a part of one that it happens to stand in.
	cmd.Env = append(os.Environ(), "GIT_CEILING_DIRECTORIES="+filepath.Dir(t.dir), "GOFLAGS=-buildvcs=false")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// copy copies what git knows or would know, as it stands in the work tree.
func (t tree) copy(ctx context.Context, from string) error {
	list := exec.CommandContext(ctx, "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	list.Dir = from
	out, err := list.Output()
	if err != nil {
		return fmt.Errorf("git ls-files: %w", err)
	}
	for path := range strings.SplitSeq(strings.TrimRight(string(out), "\x00"), "\x00") {
		if err := copyFile(filepath.Join(from, path), filepath.Join(t.dir, path)); err != nil && !os.IsNotExist(err) {
			return err
		}
	}
	return nil
}

func copyFile(from, to string) error {
	src, err := os.Open(from)
	if err != nil {
		return err // deleted and not committed: not part of the tree
	}
	defer src.Close()
	info, err := src.Stat()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	dst, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, info.Mode().Perm())
	if err != nil {
		return err
	}
	if _, err := io.Copy(dst, src); err != nil {
		dst.Close()
		return err
	}
	return dst.Close()
}
