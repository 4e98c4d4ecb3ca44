package pipeline

import (
	"bytes"
	"fmt"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// compressor makes one compressed body of each record.
type compressor struct {
	gzip *gzip.Writer
	buf  bytes.Buffer
	zstd *zstd.Encoder
}

// newCompressor makes a compressor; nil for "".
func newCompressor(name string) (*compressor, error) {
	switch name {
	case "":
		return nil, nil
	case "gzip":
		return &compressor{gzip: gzip.NewWriter(nil)}, nil
	case "zstd":
		// One goroutine, and a window no larger than a record can fill: EncodeAll keeps the tables of its window between calls.
		z, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(1<<20), zstd.WithLowerEncoderMem(true))
		if err != nil {
			return nil, fmt.Errorf("make a zstd encoder: %w", err)
		}
		return &compressor{zstd: z}, nil
	}
	return nil, fmt.Errorf("compression %q is unknown: use \"gzip\" or \"zstd\"", name)
}

// append appends data, compressed, to dst, which may be what data aliases.
func (c *compressor) append(dst, data []byte) []byte {
	if c.zstd != nil {
		return c.zstd.EncodeAll(data, dst)
	}
	c.buf.Reset()
	c.gzip.Reset(&c.buf)
	_, _ = c.gzip.Write(data) // a bytes.Buffer takes everything
	_ = c.gzip.Close()
	return append(dst, c.buf.Bytes()...)
}
