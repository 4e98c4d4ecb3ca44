package systemd

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"os"

	"golang.org/x/sys/unix"
)

// IsJournal says whether what is written to w ends in the journal, by what the service manager says of it (JOURNAL_STREAM in systemd.exec(5)).
func IsJournal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	var device, inode uint64
	if _, err := fmt.Sscanf(os.Getenv("JOURNAL_STREAM"), "%d:%d", &device, &inode); err != nil {
		return false
	}
	var st unix.Stat_t
	return unix.Fstat(int(f.Fd()), &st) == nil && st.Dev == device && st.Ino == inode
}

// NewHandler writes text for the journal, which keeps the time itself and shows the level as a priority (`journalctl -p warning`).
func NewHandler(w io.Writer, level slog.Leveler) slog.Handler {
	return slog.NewTextHandler(prefixer{w}, &slog.HandlerOptions{Level: level, ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		if len(groups) == 0 && a.Key == slog.TimeKey && a.Value.Kind() == slog.KindTime {
			return slog.Attr{}
		}
		return a
	}})
}

// prefixes are those of sd-daemon(3). A line begins with its level, because the time is left out.
var prefixes = []struct{ level, priority string }{
	{"level=ERROR ", "<3>"}, {"level=WARN ", "<4>"}, {"level=INFO ", "<6>"}, {"level=DEBUG ", "<7>"},
}

type prefixer struct{ w io.Writer }

// Write gets one line, in one call: slog's handlers promise it.
func (p prefixer) Write(line []byte) (int, error) {
	out := line
	for _, x := range prefixes {
		if rest, ok := bytes.CutPrefix(line, []byte(x.level)); ok {
			out = append([]byte(x.priority), rest...)
			break
		}
	}
	if _, err := p.w.Write(out); err != nil {
		return 0, err
	}
	return len(line), nil
}
