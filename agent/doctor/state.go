package doctor

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/dustin/go-humanize"
	"golang.org/x/sys/unix"
)

// lowSpace is how much should be free where positions and dead letters are kept, in bytes.
const lowSpace = 64 << 20

// state looks at the state directory, without taking it: an agent may hold it.
func (d *doctor) state() {
	const area = "state directory"
	dir := d.cfg.Agent.StateDir
	info, err := os.Stat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		there := filepath.Dir(dir)
		for errors.Is(statErr(there), fs.ErrNotExist) {
			there = filepath.Dir(there)
		}
		if unix.Faccessat(unix.AT_FDCWD, there, unix.W_OK|unix.X_OK, unix.AT_EACCESS) == nil {
			d.add(area, OK, "", "%s is not there yet and can be made", dir)
			return
		}
		d.add(area, Problem, fmt.Sprintf("install -d -m 0700 -o %s %s; or set state_dir to a place that can be written", userName(d.who.uid), dir),
			"%s is not there, and %s may not make it in %s", dir, d.who, there)
		return
	}
	if err != nil {
		d.unreadable(area, dir, err)
		return
	}
	if !info.IsDir() {
		d.add(area, Problem, "remove it, or set state_dir to another path", "%s is no directory", dir)
		return
	}
	if err := unix.Faccessat(unix.AT_FDCWD, dir, unix.R_OK|unix.W_OK|unix.X_OK, unix.AT_EACCESS); err != nil {
		do := fmt.Sprintf("chown -R %s %s", userName(d.who.uid), dir)
		if errors.Is(err, unix.EROFS) {
			do = "remount it writable: until then positions are not durable, and a restart repeats what was sent since"
		}
		d.add(area, Problem, do, "%s may not write to %s (%s): %v", d.who, dir, info.Mode(), err)
		return
	}
	if path, owner := d.foreign(dir); path != "" {
		d.add(area, Problem, fmt.Sprintf("chown -R %s %s", userName(d.who.uid), dir), "%s belongs to user %s, and %s may not write to it", path, userName(owner), d.who)
		return
	}
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil {
		d.add(area, Warning, "", "%s: %v", dir, err)
		return
	}
	free := fs.Bavail * uint64(fs.Bsize)
	switch {
	case free < lowSpace:
		d.add(area, Warning, "make room: with a full disk kinetail goes on delivering, but positions are not durable",
			"%s can be written, but only %s are free there", dir, humanize.IBytes(free))
	default:
		d.add(area, OK, "", "%s can be written, %s are free", dir, humanize.IBytes(free))
	}
}

// foreign is a file of the state directory that cannot be written, and its owner.
func (d *doctor) foreign(dir string) (path string, owner int) {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if !e.Type().IsRegular() {
			continue
		}
		p := filepath.Join(dir, e.Name())
		if unix.Faccessat(unix.AT_FDCWD, p, unix.R_OK|unix.W_OK, unix.AT_EACCESS) == nil {
			continue
		}
		var st unix.Stat_t
		if unix.Stat(p, &st) == nil {
			return p, int(st.Uid)
		}
	}
	return "", 0
}

// Below these, inotify or descriptors may run out on a host with many files. Without a watch a directory is looked at every few seconds
// instead, so this is no more than a warning.
const (
	fewWatches   = 8192
	fewInstances = 128
	fewFiles     = 4096
)

// limits looks at what the kernel allows.
func (d *doctor) limits() {
	const area = "limits"
	for _, l := range []struct {
		file string
		few  int
		what string
	}{
		{"max_user_watches", fewWatches, "directories watched by one user"},
		{"max_user_instances", fewInstances, "inotify instances of one user"},
	} {
		path := filepath.Join(d.host.proc, "sys/fs/inotify", l.file)
		n, err := strconv.Atoi(d.host.read(path))
		switch {
		case err != nil:
			d.add(area, Note, "", "%s cannot be read: files are polled where watching fails", path)
		case n < l.few:
			d.add(area, Warning, fmt.Sprintf("sysctl -w fs.inotify.%s=%d, and in /etc/sysctl.d/ for the next boot", l.file, l.few*2),
				"fs.inotify.%s is %d (%s): where it is used up, files are polled, and lines arrive seconds later", l.file, n, l.what)
		default:
			d.add(area, OK, "", "fs.inotify.%s is %d", l.file, n)
		}
	}
	soft := d.openFiles()
	if soft > 0 && soft < fewFiles {
		d.add(area, Warning, "raise LimitNOFILE in the unit, or ulimit -n", "%d files may be open at once; three quarters of them, 1,024 at most, are used for log files", soft)
	} else if soft > 0 {
		d.add(area, OK, "", "%d files may be open at once", soft)
	}
}

// openFiles is the limit of the running agent, else of this process.
func (d *doctor) openFiles() int {
	limits := d.host.read(d.host.proc, "self/limits")
	if d.agent != nil {
		if l := d.host.read(d.host.proc, strconv.Itoa(d.agent.PID), "limits"); l != "" {
			limits = l
		}
	}
	for line := range strings.Lines(limits) {
		if rest, ok := strings.CutPrefix(line, "Max open files"); ok {
			if f := strings.Fields(rest); len(f) > 0 {
				n, _ := strconv.Atoi(f[0])
				return n
			}
		}
	}
	return 0
}
