package sqlite

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// checkpoint is row(i, pad) of testdata/make.py.
func checkpoint(i, pad int) Row {
	return Row{
		"flow": "kinesis:s:/var/log/app.log*", "path": fmt.Sprintf("/var/log/app-%05d%s.log", i, strings.Repeat("x", pad)), "fileid": fmt.Sprintf("(dev=801,ino=%d)", i+100),
		"lastmodifiedtime": int64(1700000000000 + i), "size": int64(i) * 1000003, "offset": int64(i) * 999983,
		"lastupdated": fmt.Sprintf("2026-11-22 10:%02d:%02d", i/60%60, i%60),
	}
}

func open(t *testing.T, name string) *DB {
	t.Helper()
	db, err := Open(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return db
}

// The databases are SQLite's own; see testdata/make.py.
func TestDatabasesOfSQLite(t *testing.T) {
	many := make([]Row, 61)
	for i := range many {
		many[i] = checkpoint(i, 0)
	}
	changed := checkpoint(2, 0)
	changed["offset"] = int64(42)
	for _, tc := range []struct {
		file string
		want []Row
	}{
		{"small.db", []Row{checkpoint(0, 0), checkpoint(1, 0), checkpoint(2, 0)}},
		{"tree.db", many},
		{"overflow.db", []Row{checkpoint(0, 700), checkpoint(1, 1400), checkpoint(2, 2100)}},
		{"utf16.db", []Row{checkpoint(1, 0)}},
		{"wal.db", []Row{checkpoint(1, 0), changed, checkpoint(3, 0), checkpoint(7, 0)}},
	} {
		rows, err := open(t, tc.file).Rows("file_checkpoints")
		if err != nil {
			t.Errorf("%s: %v", tc.file, err)
		}
		if diff := cmp.Diff(tc.want, rows); diff != "" {
			t.Errorf("%s: %s", tc.file, diff)
		}
	}
}

func TestTypes(t *testing.T) {
	rows, err := open(t, "types.db").Rows("OF ALL")
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range []int64{0, 1, -1, 127, -128, 32767, -8388608, 2147483647, -140737488355328, 1<<63 - 1, -1 << 63} {
		want := Row{"id": int64(i - 2), "a": v, "b": float64(i) + 0.5, "c": fmt.Sprintf("v%d", v), "late": nil}
		if diff := cmp.Diff(want, rows[i]); diff != "" {
			t.Error(diff)
		}
	}
	if diff := cmp.Diff(Row{"id": int64(100), "a": []byte{0, 0xff}, "b": nil, "c": "", "late": nil}, rows[11]); diff != "" {
		t.Error(diff)
	}
}

func TestRefused(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	read := func(name string) []byte {
		data, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	small, tree := read("small.db"), read("tree.db")
	hot := write("hot.db", small)
	write("hot.db-journal", append(bytes.Clone(journalMagic), make([]byte, 504)...))
	rows := func(path string) error {
		db, err := Open(path)
		if err == nil {
			_, err = db.Rows("FILE_CHECKPOINTS")
		}
		return err
	}
	for _, tc := range []struct {
		path string
		want error
	}{
		{write("text.db", []byte("this is no database, but it is long enough to have a header of a hundred bytes, if one does not look closely")), ErrNot},
		{write("empty.db", nil), ErrNot},
		{dir, ErrNot},
		{write("header.db", small[:60]), ErrBroken},
		{write("short.db", tree[:len(tree)/2]), ErrBroken},
		{write("other.db", read("types.db")), ErrNoTable},
		{hot, ErrHot},
		{filepath.Join(dir, "missing.db"), os.ErrNotExist},
	} {
		if err := rows(tc.path); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v, want %v", tc.path, err, tc.want)
		}
	}
	write("cold.db", small)
	if err := rows(filepath.Join(dir, "cold.db")); err != nil {
		t.Error(err)
	}
	write("cold.db-journal", make([]byte, 512)) // zeroed: the change was finished
	if err := rows(filepath.Join(dir, "cold.db")); err != nil {
		t.Error(err)
	}
	db := open(t, "rowidless.db")
	if _, err := db.Rows("t"); !errors.Is(err, ErrUnsupported) {
		t.Error(err)
	}
}

// Of a log, what is behind a frame whose checksum is wrong, or behind the last commit, does not count.
func TestLogEndsWhereItIsTorn(t *testing.T) {
	data, err := os.ReadFile("testdata/wal.db")
	if err != nil {
		t.Fatal(err)
	}
	log, err := os.ReadFile("testdata/wal.db-wal")
	if err != nil {
		t.Fatal(err)
	}
	const frame = frameHeader + 512
	offsetOf2 := func(log []byte) any {
		db, err := parse(data, log)
		if err != nil {
			t.Fatal(err)
		}
		rows, err := db.Rows("FILE_CHECKPOINTS")
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rows {
			if r["path"] == checkpoint(2, 0)["path"] {
				return r["offset"]
			}
		}
		return nil
	}
	if got := offsetOf2(log); got != int64(42) {
		t.Errorf("with the whole log: %v", got)
	}
	if got := offsetOf2(nil); got != int64(2*999983) {
		t.Errorf("without the log: %v", got)
	}
	torn := bytes.Clone(log)
	torn[logHeader+frameHeader+100] ^= 1
	if got := offsetOf2(torn); got != int64(2*999983) {
		t.Errorf("with a torn first frame: %v", got)
	}
	if got := offsetOf2(log[:logHeader+frame/2]); got != int64(2*999983) {
		t.Errorf("with half of a frame: %v", got)
	}
	old := bytes.Clone(log)
	binary.BigEndian.PutUint32(old[12:], 99) // a header that does not fit to its checksum
	if got := offsetOf2(old); got != int64(2*999983) {
		t.Errorf("with a wrong header: %v", got)
	}
}

func TestBusy(t *testing.T) {
	data, err := os.ReadFile("testdata/small.db")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "x.db")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	writer, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = writer.Close() }()
	lock := unix.Flock_t{Type: unix.F_WRLCK, Start: pendingByte, Len: 512} // as SQLite does to write pages
	if err := unix.FcntlFlock(writer.Fd(), unix.F_OFD_SETLK, &lock); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	if _, err := lockShared(f, 0); !errors.Is(err, ErrBusy) {
		t.Errorf("%v, want %v", err, ErrBusy)
	}
	lock.Type = unix.F_UNLCK
	if err := unix.FcntlFlock(writer.Fd(), unix.F_OFD_SETLK, &lock); err != nil {
		t.Fatal(err)
	}
	unlock, err := lockShared(f, 0)
	if err != nil {
		t.Fatal(err)
	}
	lock.Type = unix.F_WRLCK
	if err := unix.FcntlFlock(writer.Fd(), unix.F_OFD_SETLK, &lock); err == nil {
		t.Error("somebody could write while it was read")
	}
	unlock()
}

// Any bytes are read or refused: no panic, no endless loop.
func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("testdata/*.db")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		log, _ := os.ReadFile(name + "-wal")
		f.Add(data, log)
	}
	f.Fuzz(func(_ *testing.T, data, log []byte) {
		db, err := parse(data, log)
		if err != nil {
			return
		}
		_, _ = db.Rows("FILE_CHECKPOINTS")
		_, _ = db.Rows("of all")
	})
}
