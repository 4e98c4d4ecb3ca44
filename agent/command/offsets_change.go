package command

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/kinetail/kinetail/tailer"
	"github.com/kinetail/kinetail/tailer/checkpoint"
)

// auditLog is where changes of positions are noted, below state_dir.
const auditLog = "offsets.log"

func inode(info fs.FileInfo) uint64 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return st.Ino
	}
	return 0
}

// note adds a line to the audit log, before the change.
func (o *offsets) note(what string, args ...any) error {
	f, err := os.OpenFile(filepath.Join(o.dir, auditLog), os.O_APPEND|os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("note the change, without which nothing is changed: %w", err)
	}
	slog.New(slog.NewJSONHandler(f, nil)).Info(what, append([]any{"flow", o.name, "uid", os.Getuid(), "sudo_user", os.Getenv("SUDO_USER")}, args...)...)
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("note the change, without which nothing is changed: %w", err)
	}
	o.change = true
	return nil
}

func (o *offsets) set(file string, to int64) error {
	g, err := o.find(file)
	if err != nil {
		return err
	}
	symlinks := "owner"
	if o.flow != nil {
		symlinks = o.flow.Tail.Symlinks
	}
	moved, m, err := tailer.Reposition(*g, to, symlinks)
	if errors.Is(err, tailer.ErrNoBody) {
		return fmt.Errorf("%w; 'kinetail offsets forget' removes it", err)
	}
	if err != nil {
		return err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "flow %s, %s (generation %s)\n  is delivered up to byte %d of %d", safe([]byte(o.name)), safe([]byte(m.Path)), g.ID, m.From, m.Size)
	if to != tailer.AtEnd && m.To != to {
		fmt.Fprintf(&b, "\n  byte %d is inside a line, which begins at %d: that is used", to, m.To)
	}
	if m.To == m.From && moved.Final == g.Final {
		_, err := fmt.Fprintf(o.cmd.OutOrStdout(), "%s\n  nothing is changed: it is there already\n", b.String())
		return err
	}
	skipped, repeated := max(0, m.To-m.From), max(0, m.From-m.To)
	lines := fmt.Sprintf("%d lines", m.Lines)
	if !m.Exact {
		lines = "about " + lines
	}
	if skipped > 0 {
		fmt.Fprintf(&b, "\n  going on at byte %d SKIPS %d bytes (%s): they will not be delivered", m.To, skipped, lines)
	} else {
		fmt.Fprintf(&b, "\n  going on at byte %d REPEATS %d bytes (%s): they are delivered again", m.To, repeated, lines)
	}
	if err := o.confirm(b.String()); err != nil {
		return err
	}
	if err := o.note("position set", "path", m.Path, "generation", g.ID, "from", m.From, "to", m.To, "skipped_bytes", skipped,
		"repeated_bytes", repeated, "lines", m.Lines); err != nil {
		return err
	}
	o.store.Put(moved)
	return nil
}

func (o *offsets) forget(file string) error {
	g, err := o.find(file)
	if err != nil {
		return err
	}
	name := newestName(g.Path, g.Names)
	left := max(0, g.Size-g.Offset)
	text := fmt.Sprintf("flow %s, %s (generation %s)\n  is delivered up to byte %d of %d", safe([]byte(o.name)), safe([]byte(name)), g.ID, g.Offset, g.Size)
	info, statErr := os.Stat(name)
	var lost, repeated int64
	switch {
	case statErr != nil || inode(info) != g.Ino:
		lost = left
		text += fmt.Sprintf("\n  it is not there any more; forgetting it SKIPS %d bytes, should it come back", left)
	case name == g.Path:
		repeated = g.Offset
		text += fmt.Sprintf("\n  forgetting it REPEATS %d bytes: the next start reads it from its beginning", g.Offset)
	default:
		lost = left
		text += fmt.Sprintf("\n  it was rotated away; forgetting it SKIPS %d bytes, unless a pattern of the flow matches %s: then it is read from its beginning",
			left, safe([]byte(name)))
	}
	if err := o.confirm(text); err != nil {
		return err
	}
	if err := o.note("position forgotten", "path", name, "generation", g.ID, "from", g.Offset, "skipped_bytes", lost, "repeated_bytes", repeated); err != nil {
		return err
	}
	o.store.Delete(o.name, g.ID)
	return nil
}

func (o *offsets) forgetFlow() error {
	delivered, left := sumOffsets(o.all)
	text := fmt.Sprintf("flow %s: %d files, %d bytes delivered, %d bytes not yet delivered", safe([]byte(o.name)), len(o.all), delivered, left)
	skipped, repeated := int64(0), int64(0)
	switch {
	case o.flow == nil:
		text += "\n  the configuration has no such flow: nothing changes until it has one again, which then begins anew"
	case o.flow.Tail.StartAt == "beginning":
		repeated = delivered
		text += fmt.Sprintf("\n  forgetting it REPEATS up to %d bytes: start_at is \"beginning\", so the next start reads what is still there from its beginning", delivered)
	default:
		skipped = left
		text += fmt.Sprintf("\n  forgetting it SKIPS %d bytes: start_at is \"end\", so the next start goes on at the end of each file", left)
	}
	if err := o.confirm(text); err != nil {
		return err
	}
	if err := o.note("flow forgotten", "files", len(o.all), "skipped_bytes", skipped, "repeated_bytes", repeated); err != nil {
		return err
	}
	o.store.Forget(o.name)
	return nil
}

func sumOffsets(all []checkpoint.Generation) (delivered, left int64) {
	for i := range all {
		delivered += all[i].Offset
		left += max(0, all[i].Size-all[i].Offset)
	}
	return delivered, left
}
