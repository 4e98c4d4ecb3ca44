package zones

import (
	"archive/tar"
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"syscall"
	_ "unsafe" // for go:linkname

	"github.com/klauspost/compress/zstd"
)

//go:generate go run ./pack

// archive holds each zone once; what is another's alias is a hard link.
//
//go:embed zones.tar.zst
var archive []byte

// window is the most memory that unpacking may take for what was unpacked before, in bytes: more than all zones have.
const window = 1 << 20

// register is what package time keeps open for time/tzdata.
//
//go:linkname register time.registerLoadFromEmbeddedTZData
func register(func(name string) (string, error))

func init() { register(load) }

// load is the content of a zone's file, or ENOENT itself, as package time wants it. It is asked a few times per configuration, and keeps nothing.
func load(name string) (string, error) {
	found, alias := false, ""
	var zone []byte
	err := unpack(func(h *tar.Header, content io.Reader) (err error) {
		if h.Name == name {
			found, alias = true, h.Linkname
			zone, err = io.ReadAll(content)
		}
		return err
	})
	switch {
	case err != nil:
		return "", fmt.Errorf("unpack time zones: %w", err)
	case !found:
		return "", syscall.ENOENT
	case alias != "":
		return load(alias)
	}
	return string(zone), nil
}

// unpack calls each with every entry of the archive.
func unpack(each func(*tar.Header, io.Reader) error) error {
	d, err := zstd.NewReader(bytes.NewReader(archive), zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(window))
	if err != nil {
		return err
	}
	defer d.Close()
	for r := tar.NewReader(d); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := each(h, r); err != nil {
			return err
		}
	}
}
