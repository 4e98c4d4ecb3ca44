package tailer

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"golang.org/x/sys/unix"

	"github.com/kinetail/kinetail/tailer/checkpoint"
)

// do runs one line of a script.
func (w *world) do(words []string) error {
	verb, args := words[0], words[1:]
	arg := func(i int) string {
		if i < len(args) {
			return args[i]
		}
		return ""
	}
	num := func(i, otherwise int) int {
		if n, err := strconv.Atoi(arg(i)); err == nil {
			return n
		}
		return otherwise
	}
	for i, a := range args { // names with control characters
		if s, err := strconv.Unquote(`"` + a + `"`); err == nil && strings.Contains(a, `\`) && verb != "text" {
			args[i] = s
		}
	}
	from, to := w.path(arg(0)), w.path(arg(1))
	switch verb {
	case "option": // option NAME VALUE...: before start
		return w.option(args[0], args[1:])
	case "start":
		return w.start()
	case "stop":
		w.stop()
	case "leave": // as stop, but what is held stays unanswered
		w.leave()
	case "restart":
		w.stop()
		return w.start()
	case "kill": // as kill -9: what is not committed is forgotten
		return w.kill()
	case "hold": // batches are not acknowledged
		w.holding = true
	case "release": // what was held is acknowledged
		w.holding = false
		w.release()
	case "throttle": // throttle BATCHES: the destination lets so many be out, and answers slowly; 0 ends it
		if w.slow = num(0, 0); w.slow == 0 && !w.holding {
			w.release()
		}
	case "sync": // what is acknowledged becomes durable
		return w.store.Sync(context.Background())
	case "poll":
		return w.poll()
	case "steps": // steps N: the follower does so many steps, each the poll interval after the one before
		for range num(0, 1) {
			if _, err := w.step(); err != nil && err != io.EOF {
				return err
			}
			w.clock += w.opts.PollInterval
		}
	case "wait": // wait DURATION: the follower's clock goes on, and it looks
		d, err := time.ParseDuration(arg(0))
		if err != nil {
			return err
		}
		w.clock += d
		return w.poll()
	case "append": // append FILE [LINES]
		return w.append(arg(0), num(1, 1))
	case "text": // text FILE WORDS...: without a line end; \n, \0 and the like are understood
		s, err := strconv.Unquote(`"` + strings.Join(args[1:], " ") + `"`)
		if err != nil {
			return err
		}
		f, err := os.OpenFile(from, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = f.WriteString(s)
		return err
	case "fill": // fill FILE BYTES: one long line without an end
		f, err := os.OpenFile(from, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = f.WriteString(strings.Repeat("z", num(1, 0)))
		return err
	case "open": // open WRITER FILE: a descriptor that stays; openat: without O_APPEND
		f, err := os.OpenFile(to, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
		w.writers[arg(0)] = f
		return err
	case "openat":
		f, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY, 0o644)
		w.writers[arg(0)] = f
		return err
	case "write": // write WRITER [LINES]
		return w.write(w.writers[arg(0)], filepath.Base(w.writers[arg(0)].Name()), num(1, 1))
	case "close":
		return w.writers[arg(0)].Close()
	case "create":
		return os.WriteFile(from, nil, 0o644)
	case "tick": // until the file system's clock has gone on: what is made from now on is newer
		return w.tick()
	case "rename":
		return os.Rename(from, to)
	case "remove":
		return os.RemoveAll(from)
	case "copy":
		return copyFile(from, to)
	case "truncate": // truncate FILE [SIZE]
		return os.Truncate(from, int64(num(1, 0)))
	case "copytruncate": // copytruncate FILE COPY
		if err := copyFile(from, to); err != nil {
			return err
		}
		return os.Truncate(from, 0)
	case "gzip", "zstd": // gzip FILE [TARGET]
		return compress(verb, from, arg(1), to)
	case "head": // head FILE TARGET BYTES: the first bytes of a file, as an unfinished copy has them
		b, err := os.ReadFile(from)
		if err != nil {
			return err
		}
		return os.WriteFile(to, b[:num(2, 0)], 0o644)
	case "link":
		return os.Link(from, to)
	case "symlink": // symlink TARGET LINK: replaces LINK atomically
		_ = os.Remove(to + ".new")
		if err := os.Symlink(arg(0), to+".new"); err != nil {
			return err
		}
		return os.Rename(to+".new", to)
	case "mkdir":
		return os.MkdirAll(from, 0o755)
	case "mkfifo":
		return mkfifo(from)
	case "mksocket":
		l, err := net.ListenUnix("unix", &net.UnixAddr{Name: from, Net: "unix"})
		if err != nil {
			return err
		}
		l.SetUnlinkOnClose(false)
		return l.Close()
	case "chmod":
		mode, err := strconv.ParseUint(arg(1), 8, 32)
		if err != nil {
			return err
		}
		return os.Chmod(from, os.FileMode(mode))
	case "chown": // chown FILE UID: needs root
		if os.Geteuid() != 0 {
			return errSkip
		}
		return os.Lchown(from, num(1, 0), num(1, 0))
	case "as": // as UID: the follower's rights from now on; needs root
		if os.Geteuid() != 0 {
			return errSkip
		}
		if num(0, 0) == 0 {
			return setUser(0)
		}
		if err := errors.Join(os.Chmod(filepath.Dir(w.dir), 0o777), os.Chmod(w.dir, 0o777), os.Chmod(w.state, 0o777)); err != nil {
			return err
		}
		runtime.LockOSThread() // never unlocked: the thread ends with the test
		return setUser(num(0, 0))
	case "fail": // fail CALL NAME ERROR: the system answers so whenever CALL (open, stat, fstat, list, read) is about NAME, or "*"
		w.fail(arg(0), arg(1), arg(2))
	case "mend": // no call fails any more
		fault = nil
	case "old": // old FILE DURATION: last written so long ago
		d, err := time.ParseDuration(arg(1))
		if err != nil {
			return err
		}
		return os.Chtimes(from, time.Now().Add(-d), time.Now().Add(-d))
	case "garble": // the state is overwritten with garbage
		return os.WriteFile(filepath.Join(w.state, "offsets.db"), []byte(strings.Repeat("garbage ", 8<<10)), 0o600)
	case "forget-inodes": // as after a reboot that numbered the devices anew
		return w.renumber()
	case "status": // prints what the follower knows, and what has come so far
		for _, d := range w.got {
			w.t.Logf("came: %s of %s flags %d", d.name(), d.source.Generation, d.flags)
		}
		w.t.Logf("%+v", w.f.Status())
		for _, g := range w.f.gens {
			w.t.Logf("%s %s names %v size %d read %d lost %d drained %v final %v err %v active %v ends %d", g.chain.path, g.id(), g.names, g.size, g.read,
				g.lost, g.drained, g.final, g.err, g.active, g.ends)
		}
	case "expect":
		return w.expect(args)
	default:
		return errors.New("unknown verb")
	}
	return nil
}

// fail lets a system call fail from now on. The name is a path's last part.
func (w *world) fail(call, name, errno string) {
	no := map[string]error{"EACCES": unix.EACCES, "EIO": unix.EIO, "EMFILE": unix.EMFILE, "ESTALE": unix.ESTALE}[errno]
	before := fault
	fault = func(c, path string) error {
		if c == call && (name == "*" || filepath.Base(path) == name) {
			return no
		}
		if before != nil {
			return before(c, path)
		}
		return nil
	}
}

func (w *world) option(name string, values []string) error {
	paths := func() []string {
		var all []string
		for _, v := range values {
			all = append(all, w.path(v))
		}
		return all
	}
	var err error
	switch name {
	case "paths":
		w.opts.Paths = paths()
	case "exclude":
		w.opts.Exclude = paths()
	case "rotated":
		w.opts.Rotated = paths()
	case "start_at":
		w.opts.StartAt = values[0]
	case "symlinks":
		w.opts.Symlinks = values[0]
	case "hard_links":
		w.opts.HardLinks = values[0]
	case "on_ambiguous":
		w.opts.OnAmbiguous = values[0]
	case "descriptors":
		w.descriptors, err = strconv.Atoi(values[0])
	case "unprotected":
		w.unprotected = true
	case "no-birth": // the file system tells no birth times
		statMask = unix.STATX_BASIC_STATS
	case "once":
		w.opts.Once = true
	case "window":
		var n int
		n, err = strconv.Atoi(values[0])
		w.opts.Framer = lines{window: n}
	case "join": // lines that begin with a space belong to the one before
		var d time.Duration
		d, err = time.ParseDuration(values[0])
		w.opts.Framer = joins{d}
	case "max_unacked":
		w.opts.MaxUnacked, err = strconv.ParseInt(values[0], 10, 64)
	case "hold_deleted_age":
		w.opts.HoldDeleted.MaxAge, err = time.ParseDuration(values[0])
	case "hold_deleted_bytes":
		w.opts.HoldDeleted.MaxBytes, err = strconv.ParseInt(values[0], 10, 64)
	case "ignore_older":
		w.opts.IgnoreOlder, err = time.ParseDuration(values[0])
	case "forget_after":
		w.opts.ForgetAfter, err = time.ParseDuration(values[0])
	default:
		err = errors.New("unknown option")
	}
	return err
}

// renumber changes the device number of everything that the store remembers.
func (w *world) renumber() error {
	s, err := checkpoint.Open(w.state, checkpoint.Options{Log: w.opts.Log})
	if err != nil {
		return err
	}
	gens, err := s.Load("test")
	for _, g := range gens {
		g.Dev += 7
		s.Put(g)
	}
	return errors.Join(err, s.Close())
}

func copyFile(from, to string) error {
	b, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, b, 0o644)
}

// compress does as gzip does: the new file keeps the time of the old one, which is then removed.
func compress(how, from, name, to string) error {
	if name == "" {
		to = from + map[string]string{"gzip": ".gz", "zstd": ".zst"}[how]
	}
	b, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	st, err := os.Stat(from)
	if err != nil {
		return err
	}
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	var z io.WriteCloser = gzip.NewWriter(out)
	if how == "zstd" {
		if z, err = zstd.NewWriter(out); err != nil {
			return err
		}
	}
	_, err = z.Write(b)
	return errors.Join(err, z.Close(), out.Close(), os.Chtimes(to, st.ModTime(), st.ModTime()), os.Remove(from))
}

// tick waits until a new file has another time than one made now.
func (w *world) tick() error {
	path := filepath.Join(w.t.TempDir(), "tick")
	var first time.Time
	for {
		if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
			return err
		}
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		if first.IsZero() {
			first = info.ModTime()
		}
		if info.ModTime().After(first) {
			return nil
		}
	}
}
