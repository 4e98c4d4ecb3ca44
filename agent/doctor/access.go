package doctor

import (
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// who is a process as far as file permissions go.
type who struct {
	uid, gid int
	groups   []int
	readAll  bool // CAP_DAC_READ_SEARCH or CAP_DAC_OVERRIDE is effective
}

// self is this process.
func self() who {
	w := who{uid: os.Geteuid(), gid: os.Getegid(), readAll: capable("/proc/self/status")}
	w.groups, _ = os.Getgroups()
	return w
}

// capable says whether the process of a /proc/PID/status may read what modes forbid.
func capable(status string) bool {
	b, _ := os.ReadFile(status)
	for line := range strings.Lines(string(b)) {
		if hex, ok := strings.CutPrefix(line, "CapEff:"); ok {
			n, _ := strconv.ParseUint(strings.TrimSpace(hex), 16, 64)
			return n&(1<<unix.CAP_DAC_READ_SEARCH|1<<unix.CAP_DAC_OVERRIDE) != 0
		}
	}
	return false
}

func (w who) String() string {
	s := "user " + userName(w.uid)
	var names []string
	for _, g := range w.groups {
		if g != w.gid {
			names = append(names, groupName(g))
		}
	}
	if len(names) > 0 {
		s += " (groups " + strings.Join(names, ", ") + ")"
	}
	return s
}

func userName(uid int) string {
	if u, err := user.LookupId(strconv.Itoa(uid)); err == nil {
		return u.Username
	}
	return strconv.Itoa(uid)
}

func groupName(gid int) string {
	if g, err := user.LookupGroupId(strconv.Itoa(gid)); err == nil {
		return g.Name
	}
	return strconv.Itoa(gid)
}

// may says whether the modes alone give w what it wants of a file: 4 to read, 1 to search.
func (w who) may(st *unix.Stat_t, want uint32) bool {
	if w.readAll {
		return true
	}
	mode := st.Mode
	switch {
	case int(st.Uid) == w.uid:
		mode >>= 6
	case int(st.Gid) == w.gid || slices.Contains(w.groups, int(st.Gid)):
		mode >>= 3
	}
	return mode&want == want
}

// denial is the component of a path that denies access.
type denial struct {
	path string
	st   unix.Stat_t
	dir  bool
	want uint32 // of the modes: 4 or 1
	// permitted says that the modes would allow it: something else denies.
	permitted bool
}

// whoDenies finds the component of path that denies w to read it, or to list it where it is a directory. Symbolic links are followed. It is not ok
// where nothing can be found that does.
func (w who) whoDenies(path string) (denial, bool) {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		real = path
	}
	at := ""
	parts := strings.Split(strings.Trim(real, "/"), "/")
	for i := -1; i < len(parts); i++ {
		if i >= 0 {
			at += "/" + parts[i]
		}
		d := denial{path: at, want: 1}
		if i < 0 {
			d.path = "/"
		}
		if err := unix.Stat(d.path, &d.st); err != nil {
			return d, false // the one above denied, or it is not there
		}
		d.dir = d.st.Mode&unix.S_IFMT == unix.S_IFDIR
		last := i == len(parts)-1
		access := uint32(unix.X_OK)
		if last {
			d.want, access = 4, unix.R_OK
		}
		if unix.Faccessat(unix.AT_FDCWD, d.path, access, unix.AT_EACCESS) == nil {
			if !last {
				continue
			}
			// The modes allow it and access(2) says so, but it could not be opened.
			d.permitted = true
			return d, true
		}
		d.permitted = w.may(&d.st, d.want)
		return d, true
	}
	return denial{}, false
}

// ls is mode, owner and group as ls -l prints them.
func (d *denial) ls() string {
	mode := os.FileMode(d.st.Mode & 0o777)
	s := mode.String()
	if d.dir {
		s = "d" + s[1:]
	}
	return fmt.Sprintf("%s %s %s", s, userName(int(d.st.Uid)), groupName(int(d.st.Gid)))
}

func (d *denial) verb() string {
	switch {
	case d.dir && d.want == 1:
		return "go into"
	case d.dir:
		return "list"
	}
	return "read"
}

// hasACL says whether a file's modes are not the whole truth.
func hasACL(path string) bool {
	n, err := unix.Getxattr(path, "system.posix_acl_access", nil)
	return err == nil && n > 0
}
