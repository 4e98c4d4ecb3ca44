package emit

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// lockEvery is how often a lock that somebody else holds is tried.
const lockEvery = 5 * time.Millisecond

var errLettersBusy = errors.New("another process has kept the dead-letter file locked for too long")

// lockLetters opens a dead-letter file and takes its lock, which ends with the descriptor. It waits up to deadLetterRetry.
func lockLetters(ctx context.Context, path string, flags int) (*os.File, error) {
	deadline := time.Now().Add(deadLetterRetry)
	for {
		f, err := os.OpenFile(path, flags, 0o600)
		if err != nil {
			return nil, err
		}
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			if isAt(f, path) {
				return f, nil
			}
		} else if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			_ = f.Close()
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		_ = f.Close() // held by another, or another file has been put in its place
		if time.Now().After(deadline) {
			return nil, fmt.Errorf("lock %s: %w", path, errLettersBusy)
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("lock %s: %w", path, ctx.Err())
		case <-time.After(lockEvery):
		}
	}
}

// isAt says whether path still leads to f.
func isAt(f *os.File, path string) bool {
	ours, err := f.Stat()
	if err != nil {
		return false
	}
	there, err := os.Stat(path)
	return err == nil && os.SameFile(ours, there)
}

// LetterPath names the dead-letter file of one destination of a flow.
type LetterPath struct{ Flow, Destination, Path string }

// LetterPaths are all dead-letter files in a state directory, by flow and destination.
func LetterPaths(stateDir string) ([]LetterPath, error) {
	top := filepath.Join(stateDir, "dead-letter")
	flows, err := os.ReadDir(top)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list dead letters: %w", err)
	}
	var all []LetterPath
	for _, flow := range flows {
		if !flow.IsDir() {
			continue
		}
		files, err := os.ReadDir(filepath.Join(top, flow.Name()))
		if err != nil {
			return nil, fmt.Errorf("list dead letters: %w", err)
		}
		for _, file := range files {
			name, ok := strings.CutSuffix(file.Name(), ".jsonl")
			if !ok || !file.Type().IsRegular() {
				continue
			}
			all = append(all, LetterPath{
				Flow: unescaped(flow.Name()), Destination: unescaped(name), Path: filepath.Join(top, flow.Name(), file.Name()),
			})
		}
	}
	return all, nil
}

// unescaped is the inverse of fileName.
func unescaped(name string) string {
	if s, err := url.PathUnescape(name); err == nil {
		return s
	}
	return name
}

// StoredLetter is a letter as it stands in a file.
type StoredLetter struct {
	Time              time.Time
	Flow, Destination string
	Reason, Detail    string
	File, Generation  string
	Start, End        int64 // raw byte range in the generation
	Part              uint16
	Key               string
	Data              []byte
	// Binary says that the file holds Data as base64, because it is no UTF-8.
	Binary bool
	// From and To are the byte range of its line in the dead-letter file.
	From, To int64
	// Err says why the line cannot be understood; then only From, To and Data, the line itself, are set.
	Err error
}

// LetterFile is a dead-letter file that is open for reading. The agent may append to it meanwhile.
type LetterFile struct {
	path string
	f    *os.File
}

// OpenLetterFile opens a file that LetterPaths names.
func OpenLetterFile(path string) (*LetterFile, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open dead letters: %w", err)
	}
	return &LetterFile{path, f}, nil
}

// Close closes the file.
func (l *LetterFile) Close() error { return l.f.Close() }

// Each calls fn for the letters from the byte offset from on, a line's beginning, in the order of the file, until fn returns false. It
// leaves out the end of a letter that is being written.
func (l *LetterFile) Each(from int64, fn func(*StoredLetter) bool) error {
	r := bufio.NewReaderSize(io.NewSectionReader(l.f, from, 1<<62), 256<<10)
	for {
		line, err := r.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read dead letters in %s: %w", l.path, err)
		}
		letter := parseLetter(line)
		letter.From, letter.To = from, from+int64(len(line))
		from = letter.To
		if !fn(letter) {
			return nil
		}
	}
}

func parseLetter(line []byte) *StoredLetter {
	var d deadLetterLine
	if err := json.Unmarshal(line, &d); err != nil {
		return &StoredLetter{Data: line, Err: err}
	}
	s := &StoredLetter{
		Time: d.Time, Flow: d.Flow, Destination: d.Destination, Reason: d.Reason, Detail: d.Detail, File: d.File, Generation: d.Generation,
		Start: d.Start, End: d.End, Part: d.Part, Key: d.Key, Data: d.Base64, Binary: d.Record == nil,
	}
	if d.Record != nil {
		s.Data = []byte(*d.Record)
	}
	return s
}

// MarshalJSON writes the letter as it stands in the file.
func (s *StoredLetter) MarshalJSON() ([]byte, error) {
	d := deadLetterLine{
		Time: s.Time, Flow: s.Flow, Destination: s.Destination, Reason: s.Reason, Detail: s.Detail, File: s.File, Generation: s.Generation,
		Start: s.Start, End: s.End, Part: s.Part, Key: s.Key, Base64: s.Data,
	}
	if !s.Binary {
		text := string(s.Data)
		d.Record, d.Base64 = &text, nil
	}
	return json.Marshal(&d)
}

// ByteRange is where something stands in a file.
type ByteRange struct{ From, To int64 }

// Remove takes lines out of the file. What has been appended meanwhile stays. The file is replaced as a whole, so that a
// crash leaves it with all of the lines or with none; without any other line, it is removed. The LetterFile still reads the old
// file afterwards: positions in the new one differ.
func (l *LetterFile) Remove(ctx context.Context, lines []ByteRange) (err error) {
	if len(lines) == 0 {
		return nil
	}
	locked, err := lockLetters(ctx, l.path, os.O_RDONLY)
	if err != nil {
		return fmt.Errorf("take letters out of %s: %w", l.path, err)
	}
	defer func() { _ = locked.Close() }()
	if !isAt(l.f, l.path) {
		return fmt.Errorf("take letters out of %s: another file has been put in its place meanwhile, and nothing was taken out of either", l.path)
	}
	info, err := locked.Stat()
	if err != nil {
		return fmt.Errorf("take letters out of %s: %w", l.path, err)
	}
	lines = slices.Clone(lines)
	sort.Slice(lines, func(i, k int) bool { return lines[i].From < lines[k].From })
	if err := l.rewrite(locked, info, lines); err != nil {
		return fmt.Errorf("take letters out of %s: %w", l.path, err)
	}
	return nil
}

// rewrite puts a file without the lines in the place of the locked one.
func (l *LetterFile) rewrite(locked *os.File, info fs.FileInfo, lines []ByteRange) error {
	temp := l.path + ".new"
	fresh, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(temp) }() // after the rename there is none
	defer func() { _ = fresh.Close() }()
	kept, at := int64(0), int64(0)
	for _, line := range append(lines, ByteRange{info.Size(), info.Size()}) {
		n, err := io.Copy(fresh, io.NewSectionReader(locked, at, line.From-at))
		if err != nil {
			return err
		}
		kept += n
		at = line.To
	}
	if kept == 0 {
		return errors.Join(os.Remove(l.path), syncParents(filepath.Dir(l.path), filepath.Dir(l.path)))
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok { // root may do this for an agent of another user
		_ = fresh.Chown(int(st.Uid), int(st.Gid))
	}
	if err := errors.Join(fresh.Chmod(info.Mode().Perm()), fresh.Sync()); err != nil {
		return err
	}
	if err := os.Rename(temp, l.path); err != nil {
		return err
	}
	return syncParents(filepath.Dir(l.path), filepath.Dir(l.path))
}

// LockSending keeps other processes from sending the letters of the same flow at the same time, until the file is closed.
func LockSending(p LetterPath) (io.Closer, error) {
	dir, err := os.Open(filepath.Dir(p.Path))
	if err != nil {
		return nil, fmt.Errorf("lock the dead letters of flow %q: %w", p.Flow, err)
	}
	if err := unix.Flock(int(dir.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = dir.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("the dead letters of flow %q are being sent by another process: wait until it is done", p.Flow)
		}
		return nil, fmt.Errorf("lock the dead letters of flow %q: %w", p.Flow, err)
	}
	return dir, nil
}
