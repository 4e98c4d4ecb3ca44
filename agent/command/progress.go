package command

import (
	"fmt"
	"io"
	"os"

	"golang.org/x/term"
)

// liveLine redraws one line on a terminal; elsewhere it stays silent.
type liveLine struct {
	out      io.Writer
	terminal bool
}

func newLiveLine(w io.Writer) *liveLine { return &liveLine{out: w, terminal: isTerminal(w)} }

func (l *liveLine) set(format string, args ...any) {
	if !l.terminal {
		return
	}
	// A line that wraps could not be drawn over.
	text := []rune(fmt.Sprintf(format, args...))
	if width, _, err := term.GetSize(int(l.out.(*os.File).Fd())); err == nil && len(text) >= width {
		text = text[:max(0, width-1)]
	}
	_, _ = fmt.Fprintf(l.out, "\r\033[K%s", string(text))
}

// done leaves the line as it is and goes to the next.
func (l *liveLine) done() {
	if l.terminal {
		_, _ = fmt.Fprintln(l.out)
	}
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// bar is a progress bar of 20 characters for a share between 0 and 1.
func bar(share float64) string {
	const width = 20
	full := max(0, min(width, int(share*width)))
	b := make([]rune, width)
	for i := range b {
		b[i] = '░'
		if i < full {
			b[i] = '█'
		}
	}
	return string(b)
}
