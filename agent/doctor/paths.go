package doctor

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/dustin/go-humanize"

	"github.com/kinetail/kinetail/agent/config"
	"github.com/kinetail/kinetail/tailer"
	"github.com/kinetail/kinetail/tailer/frame"
)

// maxPaths is how many paths of one kind are listed one by one.
const maxPaths = 5

// files looks at what each flow would follow.
func (d *doctor) files() {
	for _, f := range d.cfg.Flows {
		area := fmt.Sprintf("files of flow %q", f.Name)
		t := &f.Tail
		for _, p := range t.Pipes {
			d.pipe(area, p)
		}
		if len(t.Paths) == 0 {
			continue
		}
		framer, err := frame.New(frame.Options{})
		var x *tailer.Examination
		if err == nil {
			x, err = tailer.Examine(tailer.Options{
				Flow: f.Name, Paths: t.Paths, Exclude: t.Exclude, Rotated: t.Rotated, Symlinks: t.Symlinks, HardLinks: t.HardLinks, Framer: framer,
			})
		}
		if err != nil {
			d.add(area, Problem, "", "%v", err)
			continue
		}
		d.found(area, f, x)
	}
}

func (d *doctor) found(area string, f *config.Flow, x *tailer.Examination) {
	var good []tailer.Found
	bad := 0
	for _, found := range x.Found {
		switch {
		case found.Err == nil:
			good = append(good, found)
		case bad < maxPaths:
			d.unreadable(area, found.Path, found.Err)
			bad++
		default:
			bad++
		}
	}
	if bad > maxPaths {
		d.add(area, Problem, "", "and %d more files that cannot be read", bad-maxPaths)
	}
	for i, found := range good {
		if i == maxPaths {
			d.add(area, OK, "", "and %d more files that can be read", len(good)-maxPaths)
			break
		}
		d.add(area, OK, "", "%s can be read, %s", found.Path, humanize.IBytes(uint64(found.Size)))
	}
	for _, dir := range slices.Sorted(maps.Keys(x.Blind)) {
		d.unreadable(area, dir, x.Blind[dir])
	}
	for _, p := range x.Unmatched {
		d.unmatched(area, p, x)
	}
	if len(good) > 0 && f.Tail.StartAt == "end" {
		d.add(area, Note, "", `files that are there when kinetail starts for the first time are followed from their end (start_at = "end"): only new lines are sent`)
	}
}

// unreadable explains why a path cannot be read.
func (d *doctor) unreadable(area, path string, err error) {
	if !errors.Is(err, fs.ErrPermission) {
		d.add(area, Problem, "", "%s: %v", path, err)
		return
	}
	at, ok := d.who.whoDenies(path)
	switch {
	case !ok:
		d.add(area, Problem, "", "%s: %v", path, err)
	case at.permitted:
		why, do := d.host.beyondModes(at.path)
		d.add(area, Problem, do, "%s cannot be read, though its modes (%s) would let %s: %s", at.path, at.ls(), d.who, why)
	default:
		text := fmt.Sprintf("%s may not %s %s (%s)", d.who, at.verb(), at.path, at.ls())
		if at.path != path {
			text = path + ": " + text
		}
		if hasACL(at.path) {
			text += ", which has an ACL: getfacl " + at.path
		}
		d.add(area, Problem, d.allow(&at), "%s", text)
	}
}

// allow says how access can be had.
func (d *doctor) allow(at *denial) string {
	if os.Getenv("KUBERNETES_SERVICE_HOST") != "" {
		return fmt.Sprintf("run the container as user %d (securityContext.runAsUser), which owns it and then needs no capability", at.st.Uid)
	}
	perm := "r"
	if at.dir {
		perm = "rx"
	}
	group := groupName(int(at.st.Gid))
	if at.st.Mode>>3&at.want == at.want && at.st.Gid != 0 {
		return fmt.Sprintf("usermod -aG %s %s, and restart the agent; or: setfacl -m u:%s:%s %s", group, userName(d.who.uid), userName(d.who.uid), perm, at.path)
	}
	return fmt.Sprintf("setfacl -m u:%s:%s %s (and a default ACL on the directory for the files that rotation makes); or let the service read everything: "+
		"CAP_DAC_READ_SEARCH, as the packaged drop-in read-all-logs.conf gives it", userName(d.who.uid), perm, at.path)
}

// unmatched says what is there instead of what a pattern asks for.
func (d *doctor) unmatched(area, pattern string, x *tailer.Examination) {
	dir := tailer.FixedPrefix(pattern)
	if dir == pattern {
		dir = filepath.Dir(pattern)
	}
	for blind := range x.Blind {
		if blind == dir || strings.HasPrefix(dir, blind+"/") {
			return // said already
		}
	}
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		there := dir
		for there != "/" && errors.Is(statErr(there), fs.ErrNotExist) {
			there = filepath.Dir(there)
		}
		d.add(area, Warning, "if it is to come later, nothing has to be done: it is picked up; else correct paths", "%s matches nothing: %s is not there (%s is)", pattern, dir, there)
	case err != nil:
		d.unreadable(area, dir, err)
	default:
		var names []string
		for _, e := range entries {
			name := e.Name()
			if e.IsDir() {
				name += "/"
			}
			names = append(names, name)
		}
		has := "which is empty"
		if len(names) > 0 {
			has = "which has " + strings.Join(names[:min(len(names), 8)], ", ")
			if len(names) > 8 {
				has += fmt.Sprintf(" and %d more", len(names)-8)
			}
		}
		d.add(area, Warning, "if such a file is to come later, nothing has to be done: it is picked up; else correct paths", "%s matches nothing in %s, %s", pattern, dir, has)
	}
}

func statErr(path string) error {
	_, err := os.Stat(path)
	return err
}

// pipe looks at a named pipe without opening it: a reader that comes and goes would end the writer.
func (d *doctor) pipe(area, path string) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		d.unreadable(area, path, err)
	case info.Mode()&fs.ModeNamedPipe == 0:
		d.add(area, Problem, "mkfifo "+path, "%s is no named pipe", path)
	default:
		if at, ok := d.who.whoDenies(path); ok && !at.permitted {
			d.unreadable(area, path, fs.ErrPermission)
			return
		}
		d.add(area, OK, "", "%s is a named pipe and can be read", path)
	}
}
