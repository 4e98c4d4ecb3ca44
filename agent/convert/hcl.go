package convert

import (
	"fmt"
	"strings"
)

// quote is a text as a quoted string of HCL.
func quote(s string) string { return `"` + escape(s) + `"` }

// escape is a text inside of a quoted string of HCL.
func escape(s string) string {
	var b strings.Builder
	for i, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == '\r':
			b.WriteString(`\r`)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&b, `\u%04x`, r)
		case (r == '$' || r == '%') && strings.HasPrefix(s[i+1:], "{"):
			b.WriteRune(r)
			b.WriteRune(r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

func quoteAll(list []string) string {
	var quoted []string
	for _, s := range list {
		quoted = append(quoted, quote(s))
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

// writer writes blocks; the formatter indents them.
type writer struct{ strings.Builder }

func (w *writer) line(format string, args ...any) { fmt.Fprintf(w, format+"\n", args...) }

// block writes a block with its arguments, or nothing if there are none.
func (w *writer) block(header string, arguments ...string) {
	var kept []string
	for _, a := range arguments {
		if a != "" {
			kept = append(kept, a)
		}
	}
	if len(kept) > 0 {
		w.line("%s {\n%s\n}", header, strings.Join(kept, "\n"))
	}
}

func argument(name, value string) string { return name + " = " + value }
