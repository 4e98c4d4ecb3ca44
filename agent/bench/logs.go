package main

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
)

// parts is how many files the lines are divided into for the case with many.
const parts = 100

// logs are the same lines in one file and in many.
type logs struct {
	dir          string
	one, many    string // many is a glob
	lines, bytes int64
}

// writeLogs writes access-log lines in the combined format, of 260 bytes on average: the same for the same size.
func writeLogs(dir string, size int64) (*logs, error) {
	l := &logs{dir: dir, one: filepath.Join(dir, "access.log"), many: filepath.Join(dir, "many", "*.log")}
	if err := os.Mkdir(filepath.Dir(l.many), 0o750); err != nil {
		return nil, err
	}
	one, err := newFile(l.one)
	if err != nil {
		return nil, err
	}
	r := rand.New(rand.NewPCG(1, 2)) // #nosec G404 -- repeatable on purpose
	var line []byte
	for part := range int64(parts) {
		f, err := newFile(filepath.Join(dir, "many", strconv.FormatInt(part, 10)+".log"))
		if err != nil {
			return nil, err
		}
		for l.bytes < size*(part+1)/parts {
			line = appendLine(line[:0], r, l.lines)
			l.lines++
			l.bytes += int64(len(line))
			_, _ = f.Write(line) // Close tells
			_, _ = one.Write(line)
		}
		if err := f.close(); err != nil {
			return nil, err
		}
	}
	return l, one.close()
}

var (
	paths  = []string{"/", "/products", "/products/list", "/api/v2/users", "/api/v2/orders/search", "/static/js/app.bundle.js", "/images/logo.svg", "/healthz"}
	agents = []string{
		"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 17_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.1 Mobile/15E148 Safari/604.1",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:121.0) Gecko/20100101 Firefox/121.0",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.2 Safari/605.1.15",
	}
)

func appendLine(b []byte, r *rand.Rand, n int64) []byte {
	return fmt.Appendf(b, "10.%d.%d.%d - - [22/Nov/2026:10:%02d:%02d +0000] \"GET %s?id=%d&session=%08x HTTP/1.1\" %d %d \"https://www.example.com%s\" %q\n",
		r.IntN(4), r.IntN(256), r.IntN(256), n/60000%60, n/1000%60, paths[r.IntN(len(paths))], n, r.Uint32(),
		[]int{200, 200, 200, 200, 304, 404, 500}[r.IntN(7)], r.IntN(100_000), paths[r.IntN(len(paths))], agents[r.IntN(len(agents))])
}

// file is a buffered file that remembers its first error.
type file struct {
	*bufio.Writer
	f *os.File
}

func newFile(path string) (*file, error) {
	f, err := os.Create(path) // #nosec G304 -- in our own directory
	if err != nil {
		return nil, err
	}
	return &file{bufio.NewWriterSize(f, 1<<20), f}, nil
}

func (f *file) close() error {
	if err := f.Flush(); err != nil {
		return err
	}
	return f.f.Close()
}
