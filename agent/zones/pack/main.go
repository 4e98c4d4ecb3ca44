// Command pack writes zones.zst from the tz database of the Go installation. Run it with go generate when Go's is newer.
package main

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/zstd"
)

func main() {
	root, err := exec.CommandContext(context.Background(), "go", "env", "GOROOT").Output()
	if err == nil {
		err = pack(filepath.Join(strings.TrimSpace(string(root)), "lib", "time", "zoneinfo.zip"), "zones.zst")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "pack time zones:", err)
		os.Exit(1)
	}
}

// pack writes each zone once, in the order of the zip file, and what it is an alias of where it is that.
func pack(from, to string) error {
	z, err := zip.OpenReader(from)
	if err != nil {
		return err
	}
	var all bytes.Buffer
	first := map[string]string{} // content -> the name that it was packed under
	for _, f := range z.File {
		zone, err := content(f)
		if err != nil {
			return err
		}
		if name := first[zone]; name != "" {
			fmt.Fprintf(&all, "%s %s\n", f.Name, name)
			continue
		}
		first[zone] = f.Name
		fmt.Fprintf(&all, "%s %d\n%s", f.Name, len(zone), zone)
	}
	w, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedBestCompression), zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(1<<20))
	if err != nil {
		return err
	}
	if err := errors.Join(w.Close(), z.Close()); err != nil {
		return err
	}
	return os.WriteFile(to, w.EncodeAll(all.Bytes(), nil), 0o644) // #nosec G306 -- public
}

func content(f *zip.File) (string, error) {
	r, err := f.Open()
	if err != nil {
		return "", err
	}
	b, err := io.ReadAll(r)
	return string(b), errors.Join(err, r.Close())
}
