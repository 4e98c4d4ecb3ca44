package command

import (
	"bytes"
	"io"
	"strconv"
	"unicode/utf8"
)

// safe is text as it is, or quoted where it could do something to a terminal.
func safe(text []byte) string {
	for rest := text; len(rest) > 0; {
		r, n := utf8.DecodeRune(rest)
		if r == utf8.RuneError && n == 1 || r != '\t' && !strconv.IsPrint(r) {
			return strconv.Quote(string(text))
		}
		rest = rest[n:]
	}
	return string(text)
}

// writeLine writes b, with a line end if it has none.
func writeLine(w io.Writer, b []byte) error {
	if !bytes.HasSuffix(b, []byte("\n")) {
		b = append(bytes.Clone(b), '\n')
	}
	_, err := w.Write(b)
	return err
}
