package sqlite

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// maxFile is the largest database, and write-ahead log, that is read, in bytes: both are held in memory.
const maxFile = 256 << 20

// What is wrong with a database, besides what the system says.
var (
	// ErrNot says that a file is no SQLite database.
	ErrNot = errors.New("this is no SQLite 3 database")
	// ErrBroken says that its structure does not hold.
	ErrBroken = errors.New("the database is damaged")
	// ErrBusy says that another process is changing it.
	ErrBusy = errors.New("another process is using the database")
	// ErrHot says that a change was interrupted, and that only SQLite itself can undo it.
	ErrHot = errors.New("a change of the database was interrupted, and has not been undone yet")
	// ErrUnsupported says that it uses something that is not read here.
	ErrUnsupported = errors.New("this part of SQLite's format is not read here")
	// ErrNoTable says that there is no such table.
	ErrNoTable = errors.New("there is no such table")
)

func broken(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrBroken, fmt.Sprintf(format, args...))
}

// DB is the content of a database, as of one moment.
type DB struct {
	data     []byte
	log      []byte
	frames   map[uint32]int // where the newest content of a page is in log
	pageSize int
	usable   int    // of a page
	pages    uint32 // how many there are
	encoding uint32 // of text: 1 UTF-8, 2 UTF-16LE, 3 UTF-16BE
}

// lockWait is how long Open waits for a process that is in the middle of a change.
const lockWait = 2 * time.Second

// Open reads the database at path, with the write-ahead log beside it. Nothing is changed, and the file is locked against changes while it is read.
// Errors are ErrNot, ErrBroken, ErrBusy, ErrHot, ErrUnsupported, or the system's.
func Open(path string) (*DB, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !st.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: %w: it is no regular file", path, ErrNot)
	}
	unlock, err := lockShared(f, lockWait)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	defer unlock()
	if hot, err := isHot(path + "-journal"); err != nil || hot {
		if err == nil {
			err = ErrHot
		}
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	data, err := readAll(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	var log []byte
	if w, err := os.Open(path + "-wal"); err == nil {
		log, err = readAll(w)
		_ = w.Close()
		if err != nil {
			return nil, fmt.Errorf("%s-wal: %w", path, err)
		}
	} else if !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	db, err := parse(data, log)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return db, nil
}

func readAll(f *os.File) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(data) > maxFile {
		err = fmt.Errorf("%w: it has more than %d MiB", ErrUnsupported, maxFile>>20)
	}
	return data, err
}

// journalMagic begins a rollback journal that is valid; a finished change deletes, empties or zeroes it.
var journalMagic = []byte{0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7}

func isHot(journal string) (bool, error) {
	f, err := os.Open(journal)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer func() { _ = f.Close() }()
	head := make([]byte, len(journalMagic))
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return false, err
	}
	return n == len(head) && bytes.Equal(head, journalMagic), nil
}

const magic = "SQLite format 3\x00"

// parse reads the header of a database, and finds the pages that its log holds.
func parse(data, log []byte) (*DB, error) {
	if len(data) == 0 && len(log) == 0 {
		return nil, fmt.Errorf("%w: it is empty", ErrNot)
	}
	db := &DB{data: data, log: log}
	head := data
	if len(head) < 100 || string(head[:16]) != magic {
		if !strings.HasPrefix(string(head), magic) {
			return nil, ErrNot
		}
		return nil, broken("it ends within its header")
	}
	db.pageSize = int(binary.BigEndian.Uint16(head[16:]))
	if db.pageSize == 1 {
		db.pageSize = 65536
	}
	if db.pageSize < 512 || db.pageSize&(db.pageSize-1) != 0 {
		return nil, broken("a page has %d bytes", db.pageSize)
	}
	if db.usable = db.pageSize - int(head[20]); db.usable < 480 {
		return nil, broken("%d bytes of a page are in use", db.usable)
	}
	db.pages = uint32(len(data) / db.pageSize) //nolint:gosec // at most maxFile
	db.findFrames()
	first, err := db.page(1)
	if err != nil {
		return nil, err
	}
	if v := first[19]; v != 1 && v != 2 {
		return nil, fmt.Errorf("%w: read version %d", ErrUnsupported, v)
	}
	db.encoding = binary.BigEndian.Uint32(first[56:])
	if db.encoding == 0 {
		db.encoding = 1
	}
	if db.encoding > 3 {
		return nil, broken("text encoding %d", db.encoding)
	}
	return db, nil
}

// page is the newest committed content of a page; the first is 1.
func (db *DB) page(n uint32) ([]byte, error) {
	if n == 0 || n > db.pages {
		return nil, broken("it refers to page %d of %d", n, db.pages)
	}
	if at, ok := db.frames[n]; ok {
		return db.log[at : at+db.pageSize], nil
	}
	at := int(n-1) * db.pageSize
	if at+db.pageSize > len(db.data) {
		return nil, broken("page %d is behind the end of the file", n)
	}
	return db.data[at : at+db.pageSize], nil
}
