package tailer

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/kinetail/kinetail/tailer/checkpoint"
)

// compareSpan is how much of the end of two bodies is compared to tell a copy, in bytes.
const compareSpan = 64 << 10

// known says whether the content of e is that of a generation other than except which has, or had, another body; and how it is compressed.
func (f *Follower) known(e *entry, root string, except *generation) (bool, string, error) {
	file, st, err := f.openEntry(e)
	if err != nil {
		return false, "", err
	}
	defer file.Close()
	return f.knownBody(file, &st, e.path, root, except)
}

// knownBody is known for an open body.
func (f *Follower) knownBody(file *os.File, st *stat, path, root string, except *generation) (bool, string, error) {
	kind, err := compressionOf(path, body{file})
	if err != nil {
		return false, "", err
	}
	var r io.ReaderAt = body{file}
	size := st.size
	if kind != "" {
		z := newUnzip(file, kind)
		defer z.close()
		r, size = z, 1<<62
	}
	var gens []*generation
	if c := f.chains[root]; c != nil {
		gens = c.gens
	}
	for k := range f.linked { // of another path, and of this one by a hard link
		if k.chain.path != root && slices.ContainsFunc(k.rec().Names, func(n string) bool { return n == root || isFamily(n, root) }) {
			gens = append(slices.Clip(gens), k)
		}
	}
	for _, k := range gens {
		if k == except || k.key == st.bodyKey {
			continue
		}
		same, err := f.copyOf(k, r, size)
		if err != nil {
			return false, kind, err
		}
		if same {
			return true, kind, nil
		}
	}
	return false, kind, nil
}

// copiedJustNow says that e is a copy of a log that nobody has yet either: it was made, and the log not yet truncated. Were both taken, both would be read.
func (f *Follower) copiedJustNow(e, log *entry) bool {
	if log == nil || log.err != nil || f.bodies[log.st.bodyKey] != nil || log.st.bodyKey == e.st.bodyKey || e.st.size == 0 {
		return false
	}
	a, st, err := f.openEntry(e)
	if err != nil {
		return false
	}
	defer a.Close()
	b, now, err := f.openEntry(log)
	if err != nil {
		return false
	}
	defer b.Close()
	n := min(st.size, compareSpan)
	if st.size < headLeast || st.size > now.size { // so few bytes tell nothing, and more than the log has are no copy of it
		return false
	}
	x, y := make([]byte, n), make([]byte, n)
	for _, off := range []int64{0, st.size - n} {
		if _, err := readFull(body{a}, x, off); err != nil {
			return false
		}
		if _, err := readFull(body{b}, y, off); err != nil || !bytes.Equal(x, y) {
			return false
		}
	}
	return true
}

// prove compares a generation that was empty or could not be looked into when it was found under a rotated name with the others, now that it has
// bytes: it may be the beginning of a copy, and is then forgotten, so that the generation whose content it is can have it. It says whether g may be read.
func (f *Follower) prove(g *generation) bool {
	var known bool
	var kind string
	var err error
	if g.file != nil && len(g.names) == 0 { // with a name it could be parked while it is compared
		known, kind, err = f.knownBody(g.file, &stat{bodyKey: g.key, version: g.st}, g.label(), g.chain.path, g)
	} else {
		known, kind, err = f.known(&entry{path: g.label(), st: stat{bodyKey: g.key, birth: g.birth}}, g.chain.path, g)
	}
	switch {
	case errors.Is(err, errRacing):
		f.suspect(g)
		return false
	case errors.Is(err, errUnfinished):
		return false
	case err != nil:
		f.cannotRead(g, err)
		return false
	case !known && kind != "":
		g.unproven, g.kind, g.head, g.size, g.scanned = false, kind, checkpoint.Print{}, 1, 0
		f.remember(g, func(r *checkpoint.Generation) { r.Compression, r.Head, r.Size = kind, g.head, 0 })
		f.activate(g)
		return true
	case !known:
		g.unproven = false
		return true
	}
	g.park(f)
	f.rename(g, nil)
	f.drop(g)
	f.gens = slices.DeleteFunc(slices.Clone(f.gens), func(o *generation) bool { return o == g })
	f.wantSweep()
	return false
}

// copyOf says whether the content of r, which is size long, is that of k or the beginning of it. The body of k tells if it is there,
// else what is remembered of it.
func (f *Follower) copyOf(k *generation, r io.ReaderAt, size int64) (bool, error) {
	head := k.head
	if k.lost == 0 && k.kind == "" && !k.recalled && f.unpark(k) == nil {
		now, err := statFile(k.file)
		if err != nil {
			return false, fmt.Errorf("look at %q: %w", k.label(), err)
		}
		if now.size < k.size {
			return false, errRacing // k was truncated since it was looked at
		}
		common := min(size, now.size)
		if common == 0 {
			return false, nil
		}
		if common < int64(head.Len) {
			head = checkpoint.Print{}
		}
		n := min(common, compareSpan)
		a, b := make([]byte, n), make([]byte, n)
		if got, err := readFull(r, a, common-n); err != nil {
			return false, err
		} else if z, ok := r.(*unzip); ok && int64(got) < n {
			// Shorter than k, and only its end tells how long it is.
			if size, err = contentSize(z); err != nil {
				return false, err
			}
			return f.copyOf(k, r, size)
		}
		longer, err := readFull(r, make([]byte, 1), now.size)
		if err != nil {
			return false, err
		}
		if _, err := readFull(k.content(), b, common-n); err != nil {
			return false, fmt.Errorf("read %q: %w", k.label(), err)
		}
		if longer == 0 && bytes.Equal(a, b) {
			return headAgrees(r, head)
		}
		// Other bytes, or more than k has: no copy, if k is still what it was.
		if same, err := k.verify(k.content(), k.head); err != nil || !same {
			return false, errRacing
		}
		return false, nil
	}
	if k.head.Len == 0 {
		return false, nil
	}
	if k.read == 0 {
		// Nothing of it was read, so nothing could come again; but while k looks for its body, this may be it, and would be missed as a gap.
		if k.lost == 0 || k.final || k.head.Len < headLeast {
			return false, nil
		}
		_, ok, err := k.begins(r)
		return ok, err
	}
	if _, ok, err := k.begins(r); err != nil || !ok {
		return false, err
	}
	t, whole, err := tailAt(r, k.read)
	if err != nil {
		return false, err
	}
	if !whole {
		return true, nil // shorter than what was read, and begins the same
	}
	if k.tail.n == 0 {
		f.mu.Lock()
		m := k.rec().Marker
		f.mu.Unlock()
		return m.Len <= t.n && checkpoint.Sum(t.b[t.n-m.Len:t.n]) == m, nil
	}
	return t == k.tail, nil
}
