// Command pack writes zones.tar.zst from the tz database of the Go installation. Run it with go generate when Go's is newer.
package main

import (
	"archive/tar"
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
		err = pack(filepath.Join(strings.TrimSpace(string(root)), "lib", "time", "zoneinfo.zip"), "zones.tar.zst")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "pack time zones:", err)
		os.Exit(1)
	}
}

// pack writes each zone once, in the order of the zip file, and aliases as hard links.
func pack(from, to string) error {
	z, err := zip.OpenReader(from)
	if err != nil {
		return err
	}
	var packed bytes.Buffer
	compressed, err := zstd.NewWriter(&packed, zstd.WithEncoderLevel(zstd.SpeedBestCompression), zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(1<<20))
	if err != nil {
		return err
	}
	archive := tar.NewWriter(compressed)
	first := map[string]string{} // content -> the name that it was packed under
	for _, f := range z.File {
		zone, err := content(f)
		if err != nil {
			return err
		}
		h := &tar.Header{Name: f.Name, Mode: 0o644, Format: tar.FormatUSTAR}
		if h.Linkname = first[zone]; h.Linkname != "" {
			h.Typeflag, zone = tar.TypeLink, ""
		} else {
			first[zone] = f.Name
		}
		h.Size = int64(len(zone))
		if err := archive.WriteHeader(h); err != nil {
			return err
		}
		if _, err := io.WriteString(archive, zone); err != nil {
			return err
		}
	}
	if err := errors.Join(archive.Close(), compressed.Close(), z.Close()); err != nil {
		return err
	}
	return os.WriteFile(to, packed.Bytes(), 0o644) // #nosec G306 -- public
}

func content(f *zip.File) (string, error) {
	r, err := f.Open()
	if err != nil {
		return "", err
	}
	b, err := io.ReadAll(r)
	return string(b), errors.Join(err, r.Close())
}
