package plan

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kinetail/kinetail/agent/config"
	"github.com/kinetail/kinetail/tailer"
	"github.com/kinetail/kinetail/tailer/frame"
)

// part is what is looked at of a file.
type part struct {
	path    string
	data    []byte // whole lines
	size    int64  // of the file
	birth   time.Time
	changed time.Time
}

// ErrPipes says that a flow has no files that could be looked at.
var ErrPipes = errors.New("it reads pipes, which hold no lines to look at: name log files as arguments, and the flow with --flow")

// sample reads the newest lines of a flow's files, or of the given ones, at most limit bytes. It returns what it looked at, older first.
func sample(f *config.Flow, files []string, limit int64) ([]part, error) {
	bodies, err := bodiesOf(f, files)
	if err != nil {
		return nil, err
	}
	var parts []part
	left := limit
	for i := len(bodies) - 1; i >= 0 && left > 0; i-- { // newest first
		b := &bodies[i]
		if b.Compressed || b.Size == 0 {
			continue
		}
		data, err := lastLines(b.Path, left)
		if err != nil {
			return nil, err
		}
		left -= int64(len(data))
		if len(data) > 0 {
			parts = append(parts, part{path: b.Path, data: data, size: b.Size, birth: b.Birth, changed: b.ModTime})
		}
	}
	slices.Reverse(parts)
	if len(parts) == 0 {
		if len(bodies) == 0 {
			return nil, fmt.Errorf("no file matches %q: name log files as arguments", f.Tail.Paths)
		}
		return nil, errors.New("the files are empty or compressed: name log files with lines in them as arguments")
	}
	return parts, nil
}

func bodiesOf(f *config.Flow, files []string) ([]tailer.Body, error) {
	t := &f.Tail
	if len(files) > 0 {
		var all []tailer.Body
		for _, name := range files {
			st, err := os.Stat(name)
			if err != nil {
				return nil, err
			}
			if !st.Mode().IsRegular() {
				return nil, fmt.Errorf("%s is no regular file", name)
			}
			all = append(all, tailer.Body{Path: name, Root: name, Size: st.Size(), ModTime: st.ModTime(), Birth: birthOf(name)})
		}
		return all, nil
	}
	if len(t.Paths) == 0 {
		return nil, ErrPipes
	}
	framer, err := frame.New(t.Framing())
	if err != nil {
		return nil, err
	}
	bodies, err := tailer.Bodies(tailer.Options{
		Flow: f.Name, Paths: t.Paths, Exclude: t.Exclude, Rotated: t.Rotated, Symlinks: t.Symlinks, Framer: framer,
	})
	sort.SliceStable(bodies, func(i, j int) bool { return bodies[i].ModTime.Before(bodies[j].ModTime) })
	return bodies, err
}

// lastLines are the last whole lines of a file, of at most limit bytes.
func lastLines(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	from := max(0, st.Size()-limit)
	data, err := io.ReadAll(io.NewSectionReader(f, from, st.Size()-from))
	if err != nil {
		return nil, err
	}
	if from > 0 {
		i := bytes.IndexByte(data, '\n')
		data = data[i+1:]
	}
	return data[:bytes.LastIndexByte(data, '\n')+1], nil
}

// frames cuts a part into records.
func frames(t *config.Tail, p *part) (*tailer.Batch, error) {
	framer, err := frame.New(t.Framing())
	if err != nil {
		return nil, err
	}
	whole := &tailer.Batch{Source: source(p.path)}
	state := uint16(0)
	for at := 0; at < len(p.data); {
		raw := p.data[at:]
		b := &tailer.Batch{Start: int64(at), Before: state}
		n := framer.Frame(b, raw, int64(at), tailer.CloseAll)
		if n == 0 {
			return nil, fmt.Errorf("%s cannot be cut into records at byte %d", p.path, at)
		}
		if len(b.Data) == 0 {
			b.Data = raw[:n]
		}
		base := len(whole.Data)
		whole.Data = append(whole.Data, b.Data...)
		for _, r := range b.Records {
			r.Off += uint32(base) // #nosec G115 -- the sample is below 1 GiB
			whole.Records = append(whole.Records, r)
		}
		whole.Meta = append(whole.Meta, b.Meta...)
		at, state = at+n, b.After
	}
	return whole, nil
}

func source(path string) *tailer.Source {
	return &tailer.Source{Path: path, Name: filepath.Base(path), Dir: filepath.Dir(path)}
}

// birthOf is when a file was made; zero where the file system does not tell.
func birthOf(path string) time.Time {
	var x unix.Statx_t
	if err := unix.Statx(unix.AT_FDCWD, path, 0, unix.STATX_BTIME, &x); err != nil || x.Mask&unix.STATX_BTIME == 0 {
		return time.Time{}
	}
	return time.Unix(x.Btime.Sec, int64(x.Btime.Nsec))
}
