package tailer

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// errRefused is wrapped by the errors for bodies that may not be read.
var errRefused = errors.New("refused")

const maxLinks = 40 // as many as Linux follows in one path

// openSafely opens a regular file for reading, resolving the path itself component by component, so that nobody can put a
// symbolic link in the way between the decision and the opening. It never blocks on what is no regular file.
func openSafely(path, symlinks string) (*os.File, stat, error) {
	if symlinks == "all" {
		return finishOpen(unix.AT_FDCWD, path, path, unix.O_RDONLY)
	}
	type pendingLink struct {
		path string
		st   stat
	}
	rest := strings.Split(strings.Trim(path, "/"), "/")
	dir, err := unix.Open("/", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, stat{}, fmt.Errorf("open /: %w", err)
	}
	defer func() { unix.Close(dir) }()
	var links []pendingLink // whose targets are not resolved yet
	var ends []int          // len(rest) at which each of them is resolved
	for count := 0; len(rest) > 0; {
		name := rest[0]
		rest = rest[1:]
		if name == "" || name == "." {
			continue
		}
		fd, err := unix.Openat(dir, name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		if err != nil {
			return nil, stat{}, &os.PathError{Op: "open", Path: path, Err: err}
		}
		st, err := statAt(fd, "", unix.AT_EMPTY_PATH)
		if err != nil {
			unix.Close(fd)
			return nil, stat{}, err
		}
		if st.is(unix.S_IFLNK) {
			if count++; count > maxLinks {
				unix.Close(fd)
				return nil, stat{}, &os.PathError{Op: "open", Path: path, Err: unix.ELOOP}
			}
			target, err := readLink(fd)
			unix.Close(fd)
			if err != nil {
				return nil, stat{}, fmt.Errorf("read link in %q: %w", path, err)
			}
			links, ends = append(links, pendingLink{name, st}), append(ends, len(rest))
			if filepath.IsAbs(target) {
				root, err := unix.Open("/", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
				if err != nil {
					return nil, stat{}, fmt.Errorf("open /: %w", err)
				}
				unix.Close(dir)
				dir = root
			}
			rest = append(strings.Split(strings.Trim(target, "/"), "/"), rest...)
			continue
		}
		for len(ends) > 0 && len(rest) <= ends[len(ends)-1] {
			if why := linkRefused(symlinks, &links[len(links)-1].st, &st); why != "" {
				unix.Close(fd)
				return nil, stat{}, fmt.Errorf("%w: %q in %q %s", errRefused, links[len(links)-1].path, path, why)
			}
			links, ends = links[:len(links)-1], ends[:len(ends)-1]
		}
		if len(rest) == 0 {
			if !st.is(unix.S_IFREG) {
				unix.Close(fd)
				return nil, st, fmt.Errorf("%w: %q %s", errRefused, path, st.oddity())
			}
			f, st, err := reopen(fd, path)
			unix.Close(fd)
			return f, st, err
		}
		unix.Close(dir)
		dir = fd
	}
	return nil, stat{}, &os.PathError{Op: "open", Path: path, Err: unix.EISDIR}
}

// reopen turns a descriptor that only names a regular file into one that reads it.
func reopen(fd int, path string) (*os.File, stat, error) {
	return finishOpen(unix.AT_FDCWD, fmt.Sprintf("/proc/self/fd/%d", fd), path, unix.O_RDONLY)
}

func finishOpen(dir int, name, path string, flags int) (*os.File, stat, error) {
	if err := failed("open", path); err != nil {
		return nil, stat{}, err
	}
	fd, err := unix.Openat(dir, name, flags|unix.O_NONBLOCK|unix.O_CLOEXEC|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, stat{}, &os.PathError{Op: "open", Path: path, Err: err}
	}
	st, err := statAt(fd, "", unix.AT_EMPTY_PATH)
	if err == nil && !st.is(unix.S_IFREG) {
		err = fmt.Errorf("%w: %q %s", errRefused, path, st.oddity())
	}
	if err != nil {
		unix.Close(fd)
		return nil, st, err
	}
	return os.NewFile(uintptr(fd), path), st, nil
}

// readLink is the target of the symbolic link that fd names.
func readLink(fd int) (string, error) {
	buf := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(fd, "", buf)
	return string(buf[:max(n, 0)]), err
}

// hardLinkRefused says why a body is not read that may be a hard link to somebody else's; "" when it is. Whoever may write to a directory can
// link there what he may not read: so in a directory that is not root's, the owner tells. Where the kernel lets everybody link everything
// (fs.protected_hardlinks = 0), one link tells nothing, for the other may be gone, and root's directory may be written to by a group.
func hardLinkRefused(policy string, st, dir *stat, protected bool) string {
	if policy == "all" || dir == nil || st.uid == dir.uid && dir.uid != 0 {
		return ""
	}
	mayLink := dir.uid != 0
	if !protected && dir.mode&0o022 != 0 {
		mayLink = true
	}
	if !mayLink || st.nlink < 2 && (protected || dir.uid == 0) {
		return ""
	}
	return fmt.Sprintf("belongs to user %d and has %d links, in a directory of user %d: it may be a hard link to what that user may not read; "+
		`hard_links = "all" would read it, and so would one owner of file and directory`, st.uid, st.nlink, dir.uid)
}
