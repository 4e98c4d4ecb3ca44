package checkpoint

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	bolt "go.etcd.io/bbolt"
)

// database makes a state directory with n generations, some of them rewritten so that free pages hold older versions, and returns
// what it holds.
func database(t *testing.T, dir string, n int) []Generation {
	t.Helper()
	s := open(t, dir)
	for i := range n {
		s.Put(gen("f", i))
	}
	s.MarkFirstScan("f", "p")
	mustSync(t, s)
	for i := 0; i < n; i += 7 {
		g := gen("f", i)
		g.Offset += 5
		s.Put(g)
	}
	mustSync(t, s)
	all := mustLoad(t, s, "f")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return all
}

func asides(t *testing.T, dir string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "offsets.corrupt-*"))
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// notAhead fails when got has an offset beyond that of want: that would skip.
func notAhead(t *testing.T, want, got []Generation) {
	t.Helper()
	offsets := map[string]int64{}
	for _, g := range want {
		offsets[g.ID] = g.Offset
	}
	for _, g := range got {
		if o, known := offsets[g.ID]; !known || g.Offset > o {
			t.Errorf("%s: offset %d, committed was %d (known %v)", g.ID, g.Offset, o, known)
		}
	}
}

// isEarlier fails when got is not what was committed before the last commit: what is left when the newer meta page is damaged,
// which can't be told from a commit that a crash cut off.
func isEarlier(t *testing.T, want, got []Generation) {
	t.Helper()
	notAhead(t, want, got)
	if len(got) != len(want) && len(got) != 0 {
		t.Errorf("%d generations of %d", len(got), len(want))
	}
}

// reopened opens dir after damage: it must hold exactly want, or say that it was rebuilt and be nowhere ahead. It returns how
// many generations came back.
func reopened(t *testing.T, dir string, want []Generation, metaHurt bool) (salvaged int, rebuilt bool) {
	t.Helper()
	s, err := Open(dir, Options{Log: silent, Interval: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	got := mustLoad(t, s, "f")
	r := s.Rebuilt()
	switch {
	case r == nil && metaHurt:
		isEarlier(t, want, got)
	case r == nil:
		if !reflect.DeepEqual(want, got) {
			t.Fatalf("silently wrong: %s", cmp.Diff(want, got))
		}
	default:
		notAhead(t, want, got)
		if !r.AtOpen || r.Reason == nil || r.Salvaged != len(got) {
			t.Errorf("rebuilt %+v with %d generations", r, len(got))
		}
		if _, err := os.Stat(r.Aside); err != nil {
			t.Errorf("not kept aside: %v", err)
		}
	}
	s.Put(gen("f", 1)) // and it can be written
	mustSync(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := List(dir); err != nil {
		t.Errorf("after rebuilding: %v", err)
	}
	return len(got), r != nil
}

func TestGarbageAtEveryPage(t *testing.T) {
	base := t.TempDir()
	want := database(t, base, 30)
	whole, err := os.ReadFile(databasePath(base))
	if err != nil {
		t.Fatal(err)
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	fills := map[string]func([]byte){
		"random": func(b []byte) {
			for i := range b {
				b[i] = byte(rnd.Uint32())
			}
		},
		"zeros": func(b []byte) { clear(b) },
		"body": func(b []byte) {
			for i := 16; i < len(b); i++ {
				b[i] = byte(rnd.Uint32())
			}
		},
	}
	page := os.Getpagesize()
	seen := 0
	for name, fill := range fills {
		for at := 0; at < len(whole); at += page {
			dir := t.TempDir()
			data := bytes.Clone(whole)
			fill(data[at:min(at+page, len(data))])
			if err := os.WriteFile(databasePath(dir), data, 0o600); err != nil {
				t.Fatal(err)
			}
			n, rebuilt := reopened(t, dir, want, at < 2*page)
			if rebuilt {
				seen++
				if n < len(want)/2 {
					t.Errorf("%s in page %d: only %d of %d could be saved", name, at/page, n, len(want))
				}
			}
		}
	}
	if seen == 0 {
		t.Error("no damage was noticed")
	}
}

func TestFlippedBits(t *testing.T) {
	base := t.TempDir()
	want := database(t, base, 30)
	whole, err := os.ReadFile(databasePath(base))
	if err != nil {
		t.Fatal(err)
	}
	rnd := rand.New(rand.NewPCG(3, 4))
	for range 500 {
		data := bytes.Clone(whole)
		at := rnd.IntN(len(data))
		data[at] ^= 1 << rnd.IntN(8)
		c, err := parse("x", data)
		if err != nil {
			c = salvage(data)
		}
		var got []Generation
		for _, e := range c.entries {
			if e.kind == kindGeneration {
				got = append(got, *e.generation)
			}
		}
		sortGenerations(got)
		switch {
		case err != nil:
			notAhead(t, want, got)
		case at < 2*os.Getpagesize():
			isEarlier(t, want, got)
		case !reflect.DeepEqual(want, got):
			t.Fatalf("silently wrong: %s", cmp.Diff(want, got))
		}
	}
}

func TestTruncatedAtEveryLength(t *testing.T) {
	base := t.TempDir()
	want := database(t, base, 20)
	whole, err := os.ReadFile(databasePath(base))
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{0, 1, 100, 4096, 8192, 12288, len(whole) / 2, len(whole) - 4096, len(whole) - 1} {
		dir := t.TempDir()
		if err := os.WriteFile(databasePath(dir), whole[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		reopened(t, dir, want, false)
	}
}

func TestNotADatabase(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(databasePath(dir), bytes.Repeat([]byte("not a database\n"), 5000), 0o600); err != nil {
		t.Fatal(err)
	}
	if n, rebuilt := reopened(t, dir, nil, false); !rebuilt || n != 0 {
		t.Errorf("rebuilt %v with %d", rebuilt, n)
	}
}

// damage is what befalls the database of a running store, which must then write it anew from memory and lose nothing.
func TestDamagedWhileOpen(t *testing.T) {
	for name, damage := range map[string]func(path string) error{
		"truncated to nothing": func(p string) error { return os.Truncate(p, 0) },
		"truncated to a page":  func(p string) error { return os.Truncate(p, 4096) },
		"truncated in half":    func(p string) error { return os.Truncate(p, 16384) },
		"garbage": func(p string) error {
			f, err := os.OpenFile(p, os.O_WRONLY, 0)
			if err != nil {
				return err
			}
			defer func() { _ = f.Close() }()
			_, err = f.WriteAt(bytes.Repeat([]byte{0xa5}, 30000), 8192)
			return err
		},
		"removed":  os.Remove,
		"replaced": func(p string) error { _ = os.Remove(p); return os.WriteFile(p, []byte("x"), 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := open(t, dir)
			for i := range 100 {
				s.Put(gen("f", i))
			}
			mustSync(t, s)
			if err := damage(databasePath(dir)); err != nil {
				t.Fatal(err)
			}
			for i := range 100 {
				g := gen("f", i)
				g.Offset++
				s.Put(g)
			}
			mustSync(t, s)
			if r := s.Rebuilt(); r == nil || r.AtOpen {
				t.Errorf("rebuilt %+v", r)
			}
			if wantAside := name != "removed"; len(asides(t, dir)) == 1 != wantAside {
				t.Errorf("aside: %v", asides(t, dir))
			}
			got, err := List(dir)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(mustLoad(t, s, "f"), got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestFewAsidesAreKept(t *testing.T) {
	dir := t.TempDir()
	for range keepAside + 3 {
		if err := os.WriteFile(databasePath(dir), []byte("garbage"), 0o600); err != nil {
			t.Fatal(err)
		}
		s := open(t, dir)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(asides(t, dir)); n != keepAside {
		t.Errorf("%d broken databases are kept", n)
	}
}

// A disk that can't be written must not end anything: rename is made impossible by a directory that has the name.
func TestTroubleAndRecovery(t *testing.T) {
	dir := t.TempDir()
	want := database(t, dir, 10)
	s, err := Open(dir, Options{Log: silent, Interval: 5 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	temp := databasePath(dir) + ".new"
	if err := os.MkdirAll(filepath.Join(temp, "in the way"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(databasePath(dir)); err != nil {
		t.Fatal(err)
	}
	s.Put(gen("f", 99))
	if err := s.Sync(context.Background()); err == nil {
		t.Fatal("committed to nowhere")
	}
	if st := s.Stats(); st.Errors == 0 || st.Err == nil {
		t.Errorf("%+v", st)
	}
	if got := mustLoad(t, s, "f"); len(got) != len(want)+1 {
		t.Errorf("memory has %d", len(got))
	}
	if err := os.Rename(temp, filepath.Join(dir, "out of the way")); err != nil { // at once: the store tries again meanwhile
		t.Fatal(err)
	}
	deadline := time.Now().Add(20 * time.Second)
	for s.Stats().Err != nil {
		if time.Now().After(deadline) {
			t.Fatal("does not recover")
		}
		time.Sleep(time.Millisecond)
	}
	if got, err := List(dir); err != nil || len(got) != len(want)+1 {
		t.Errorf("on disk: %d, %v", len(got), err)
	}
}

func TestNewerReleaseAndBack(t *testing.T) {
	dir := t.TempDir()
	want := database(t, dir, 5)
	// A newer release adds a field to a generation, a kind of entry and a bucket.
	d := &disk{path: databasePath(dir), now: time.Now}
	if err := d.open(); err != nil {
		t.Fatal(err)
	}
	c, err := parse(d.path, mustRead(t, d.path))
	if err != nil {
		t.Fatal(err)
	}
	id := want[2].ID
	e := *c.entries[dbKey(kindGeneration, "f", id)]
	e.rev += 100
	e.extra = map[string]jsonRaw{"new_field": jsonRaw(`{"x":[1,2]}`)}
	other := sealed(`{"schema":2,"kind":"future","flow":"f","key":"k","rev":7,"thing":[1]}`)
	o, _, err := decode(other)
	if err != nil {
		t.Fatal(err)
	}
	d.format.Schema = 2
	if err := d.update(map[string]*entry{e.dbKey(): &e, o.dbKey(): o}); err != nil {
		t.Fatal(err)
	}
	if err := d.db.Update(func(tx *bolt.Tx) error {
		b, err := tx.CreateBucket([]byte("future"))
		if err == nil {
			err = b.Put([]byte("k"), []byte("v"))
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	d.close()

	// This release works on, also on that generation, and writes the database anew once.
	s := open(t, dir)
	if s.Rebuilt() != nil {
		t.Fatalf("rebuilt: %+v", s.Rebuilt())
	}
	if df := cmp.Diff(want, mustLoad(t, s, "f")); df != "" {
		t.Error(df)
	}
	g := want[2]
	g.Offset += 10
	s.Put(g)
	mustSync(t, s)
	if err := os.Remove(databasePath(dir)); err != nil {
		t.Fatal(err)
	}
	g.Offset += 10
	s.Put(g)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	// The newer one finds its things, and the newer offset.
	c, err = parse(d.path, mustRead(t, d.path))
	if err != nil {
		t.Fatal(err)
	}
	back := c.entries[e.dbKey()]
	if back == nil || string(back.extra["new_field"]) != `{"x":[1,2]}` || back.generation.Offset != g.Offset {
		t.Errorf("the generation came back as %+v", back)
	}
	if got := c.entries[o.dbKey()]; got == nil || !bytes.Equal(got.raw(), other) {
		t.Errorf("the other kind came back as %+v", got)
	}
	if c.format.Schema != 2 {
		t.Errorf("format %+v", c.format)
	}
}

func TestTooNew(t *testing.T) {
	dir := t.TempDir()
	database(t, dir, 1)
	d := &disk{path: databasePath(dir), now: time.Now}
	if err := d.open(); err != nil {
		t.Fatal(err)
	}
	d.format = format{Schema: 9, ReadableSince: 8}
	g := gen("f", 50)
	e := &entry{kind: kindGeneration, flow: "f", key: g.ID, generation: &g}
	if err := d.update(map[string]*entry{e.dbKey(): e}); err != nil {
		t.Fatal(err)
	}
	d.close()
	_, err := Open(dir, Options{Log: silent})
	var newer *NewerError
	if !errors.As(err, &newer) || len(asides(t, dir)) != 0 {
		t.Errorf("got %v; aside %v", err, asides(t, dir))
	}
}

func mustRead(t *testing.T, path string) []byte {
	t.Helper()
	data, err := readFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
