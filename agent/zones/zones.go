package zones

import (
	"bytes"
	_ "embed"
	"fmt"
	"io"
	"strconv"
	"strings"
	"syscall"
	_ "unsafe" // for go:linkname

	"github.com/klauspost/compress/zstd"
)

//go:generate go run ./pack

// archive is, zone after zone, a line with a name and how many bytes follow, or with an alias and the name that it stands for.
//
//go:embed zones.zst
var archive []byte

// most is what all zones may have unpacked, in bytes. They have a quarter of it.
const most = 1 << 20

// register is what package time keeps open for time/tzdata.
//
//go:linkname register time.registerLoadFromEmbeddedTZData
func register(func(name string) (string, error))

func init() { register(load) }

// load is the content of a zone's file, or ENOENT itself, as package time wants it. It is asked a few times per configuration, and keeps nothing.
func load(name string) (string, error) {
	zone, of := "", ""
	err := unpack(func(entry, alias string, content []byte) {
		if entry == name {
			zone, of = string(content), alias
		}
	})
	switch {
	case err != nil:
		return "", fmt.Errorf("unpack time zones: %w", err)
	case of != "":
		return load(of)
	case zone == "":
		return "", syscall.ENOENT
	}
	return zone, nil
}

// unpack calls each with every entry of the archive. The content is good until each returns.
func unpack(each func(name, alias string, content []byte)) error {
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(most))
	if err != nil {
		return err
	}
	defer d.Close()
	all, err := d.DecodeAll(archive, nil)
	for err == nil && len(all) > 0 {
		line, rest, _ := bytes.Cut(all, []byte("\n"))
		name, what, _ := strings.Cut(string(line), " ")
		size, notNumber := strconv.Atoi(what)
		if notNumber != nil {
			each(name, what, nil)
			all = rest
			continue
		}
		if size > len(rest) {
			return io.ErrUnexpectedEOF
		}
		each(name, "", rest[:size])
		all = rest[size:]
	}
	return err
}
