package tailer

import (
	"errors"
	"fmt"
	"io"
)

// maxHeader is how far into a generation its header lines are looked for, in bytes.
const maxHeader = 256 << 10

// longestHeader is the longest header line that is kept, in bytes: each file that is followed has one, also while it is idle.
const longestHeader = 16 << 10

// readHeader finds out what the header of g is, where that is asked for and not known: at the beginning, and after a restart, when reading goes
// on far behind it. As long as the header is not whole, no record comes after it either.
func (f *Follower) readHeader(g *generation) error {
	if !f.opts.Header || g.headed {
		return nil
	}
	framer := f.opts.Framer.(Headed)
	for size := 4 << 10; ; size *= 4 {
		buf := make([]byte, min(size, maxHeader))
		n, err := g.content().ReadAt(buf, 0)
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, errUnfinished) {
			return fmt.Errorf("read the header of %q: %w", g.label(), err)
		}
		text, ok := framer.Header(buf[:n])
		switch {
		case ok && len(text) > longestHeader:
			f.log.Warn("the header line is too long to be kept, so nothing is known of the columns", "path", g.label(), "bytes", len(text), "limit", longestHeader)
			g.headed = true
			return nil
		case ok:
			if string(text) != f.header { // mostly all files of a flow have the same, which is there once then
				f.header = string(text)
			}
			headed := *g.from() // the one that was handed out never changes
			headed.Header = f.header
			g.source, g.headed = &headed, true
			return nil
		case n < len(buf):
			return nil
		case size >= maxHeader:
			f.log.Warn("no end of the header lines is found, so nothing is known of the columns", "path", g.label(), "looked_at_bytes", maxHeader)
			g.headed = true
			return nil
		}
	}
}
