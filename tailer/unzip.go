package tailer

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// The compressions that are read.
const (
	gzipped = "gzip"
	zstded  = "zstd"
)

// maxZstdWindow is the most memory that a zstd stream may make us take, in bytes: what "zstd --long" is needed to exceed.
const maxZstdWindow = 8 << 20

// unzipMemory is what reading one compressed body takes, in bytes: a window, tables and what was read ahead.
func unzipMemory(kind string) int64 {
	if kind == zstded {
		return maxZstdWindow + 1<<20
	}
	return 256 << 10
}

var (
	// errUnfinished says that a compressed body ends in its middle: it is still being written.
	errUnfinished = errors.New("compressed file is not complete yet")
	// errCompression says that a body is compressed in a way that is not read.
	errCompression = errors.New("gzip and zstd are read, this is not")
)

// compressionOf tells by name and first bytes what a body is compressed with; "" is not at all.
func compressionOf(path string, r io.ReaderAt) (string, error) {
	var magic [4]byte
	n, err := readFull(r, magic[:], 0)
	if err != nil {
		return "", fmt.Errorf("read beginning of %q: %w", path, err)
	}
	switch {
	case bytes.HasPrefix(magic[:n], []byte{0x1f, 0x8b}):
		return gzipped, nil
	case bytes.HasPrefix(magic[:n], []byte{0x28, 0xb5, 0x2f, 0xfd}):
		return zstded, nil
	}
	if _, named := withoutCompression(path); named {
		if n < len(magic) && (strings.HasSuffix(path, ".gz") || strings.HasSuffix(path, ".zst") || strings.HasSuffix(path, ".zstd")) {
			return "", errUnfinished
		}
		return "", fmt.Errorf("%q: %w", path, errCompression)
	}
	return "", nil
}

// unzip makes the content of a compressed file readable by offset. Reading forward is cheap; going back more than the last read
// begins again at the start. One goroutine at a time.
type unzip struct {
	file *os.File
	kind string
	r    io.Reader // nil until the first read
	free func()

	base int64 // offset of buf[0] in the content
	buf  []byte
	err  error // what ended the content: io.EOF, errUnfinished or something broken
}

func newUnzip(f *os.File, kind string) *unzip { return &unzip{file: f, kind: kind} }

func (u *unzip) start() error {
	u.close()
	u.base, u.buf, u.err = 0, u.buf[:0], nil
	src := io.NewSectionReader(body{u.file}, 0, 1<<62)
	switch u.kind {
	case gzipped:
		z, err := gzip.NewReader(src)
		if err != nil {
			return unzipError(err)
		}
		u.r = z
	case zstded:
		z, err := zstd.NewReader(src, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxZstdWindow))
		if err != nil {
			return unzipError(err)
		}
		u.r, u.free = z, z.Close
	default:
		return errCompression
	}
	return nil
}

func unzipError(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errUnfinished
	}
	return err
}

// ReadAt reads decompressed bytes at off. Like any io.ReaderAt it returns io.EOF with fewer bytes at the end of the content,
// and errUnfinished where the file ends before its content does.
func (u *unzip) ReadAt(p []byte, off int64) (int, error) {
	if u.r == nil || off < u.base {
		if u.err = u.start(); u.err != nil {
			return 0, u.err
		}
	}
	for u.err == nil && u.base+int64(len(u.buf)) < off+int64(len(p)) {
		u.forget(off)
		u.fill(int(min(off+int64(len(p))-u.base-int64(len(u.buf)), 64<<10)))
	}
	u.forget(off)
	n := copy(p, u.buf)
	if off > u.base {
		n = 0
	}
	if n < len(p) {
		return n, u.err
	}
	return n, nil
}

// broken says that the last read has found the end of what can be decompressed, and it is not the end of the content. What the system
// could not read is no such end.
func (u *unzip) broken() bool {
	var system *os.PathError
	return u.err != nil && !errors.Is(u.err, io.EOF) && !errors.As(u.err, &system)
}

// forget drops what is before off.
func (u *unzip) forget(off int64) {
	n := min(off-u.base, int64(len(u.buf)))
	if n <= 0 {
		return
	}
	u.buf = u.buf[:copy(u.buf, u.buf[n:])]
	u.base += n
}

// fill decompresses about n more bytes.
func (u *unzip) fill(n int) {
	have := len(u.buf)
	if cap(u.buf)-have < n {
		u.buf = append(make([]byte, 0, max(2*cap(u.buf), have+n)), u.buf...)
	}
	got, err := u.r.Read(u.buf[have : have+n])
	u.buf = u.buf[:have+got]
	if err == io.EOF || errors.Is(err, gzip.ErrHeader) { // behind a whole member: padding or garbage, which gzip ignores, too
		u.err = io.EOF
	} else if err != nil {
		u.err = unzipError(err)
	}
}

func (u *unzip) close() {
	if u.free != nil {
		u.free()
	}
	u.r, u.free = nil, nil
}
