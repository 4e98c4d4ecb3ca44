package checkpoint

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"
)

// The database is read by walking its pages here, not through bbolt. bbolt's own check runs in goroutines of its own, where a
// garbage pointer is a fault that nobody can recover from, and a page that refers to itself recurses until the stack
// is gone. What passes here can be opened by bbolt. The layout is bbolt's version 2: go.etcd.io/bbolt/internal/common.

// Sizes and marks of bbolt's layout.
const (
	pageHeader  = 16 // id u64, flags u16, count u16, overflow u32
	elementSize = 16
	metaSize    = 64
	bboltMagic  = 0xED0CDAED
	bboltFormat = 2

	flagBranch   = 0x01
	flagLeaf     = 0x02
	flagFreelist = 0x10

	leafBucket = 0x01
	noFreelist = ^uint64(0)
)

// maxDatabase bounds what is read into memory, in bytes: a million generations take less.
const maxDatabase = 1 << 30

// image is a whole database in memory.
type image struct {
	data     []byte
	pageSize uint64
	pages    uint64 // the high-water mark: pages below it are used or free
	root     uint64
	freelist uint64
	seen     map[uint64]bool
	emit     func(bucket string, key, value []byte) error
}

var le = binary.LittleEndian // amd64 and arm64 both are, and bbolt writes natively

// readFile reads a whole database. Where the disk can't be read it has zeros, and the error says so.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.Size() > maxDatabase {
		return nil, fmt.Errorf("database of %d bytes is larger than %d", info.Size(), maxDatabase)
	}
	data := make([]byte, info.Size())
	n, err := f.ReadAt(data, 0)
	if err == nil || errors.Is(err, io.EOF) {
		return data[:n], nil
	}
	for at := 0; at < len(data); at += 4096 {
		_, _ = f.ReadAt(data[at:min(at+4096, len(data))], int64(at))
	}
	return data, err
}

// walk checks the whole database and calls emit for each key that stands directly in a bucket of the first level.
func walk(data []byte, emit func(bucket string, key, value []byte) error) error {
	im := &image{data: data, seen: map[uint64]bool{0: true, 1: true}, emit: emit}
	if err := im.meta(); err != nil {
		return err
	}
	if im.pages*im.pageSize > uint64(len(data)) {
		return fmt.Errorf("the file has %d bytes of %d", len(data), im.pages*im.pageSize)
	}
	if err := im.tree(im.root, nil, nil, nil); err != nil {
		return err
	}
	return im.free()
}

// meta picks the newer of the two valid meta pages.
func (im *image) meta() error {
	var newest uint64
	found := false
	for size := uint64(1024); size <= 1<<16; size *= 2 {
		for _, at := range []uint64{0, size} {
			if at+pageHeader+metaSize > uint64(len(im.data)) {
				continue
			}
			m := im.data[at+pageHeader : at+pageHeader+metaSize]
			h := fnv.New64a()
			_, _ = h.Write(m[:56])
			if le.Uint32(m) != bboltMagic || le.Uint32(m[4:]) != bboltFormat || h.Sum64() != le.Uint64(m[56:]) ||
				uint64(le.Uint32(m[8:])) != size {
				continue
			}
			if txid := le.Uint64(m[48:]); !found || txid > newest {
				found, newest = true, txid
				im.pageSize, im.root, im.freelist, im.pages = size, le.Uint64(m[16:]), le.Uint64(m[32:]), le.Uint64(m[40:])
			}
		}
	}
	if !found {
		return errors.New("no valid meta page")
	}
	if im.pages > maxDatabase/im.pageSize {
		return fmt.Errorf("the meta page claims %d pages", im.pages)
	}
	return nil
}

// page returns a page with its overflow, each of which may be met once.
func (im *image) page(id uint64) ([]byte, error) {
	if id < 2 || id >= im.pages {
		return nil, fmt.Errorf("page %d of %d", id, im.pages)
	}
	p := im.data[id*im.pageSize:]
	if got := le.Uint64(p); got != id {
		return nil, fmt.Errorf("page %d says that it is page %d", id, got)
	}
	n := uint64(le.Uint32(p[12:])) + 1
	if n > im.pages-id {
		return nil, fmt.Errorf("page %d has %d pages of %d", id, n, im.pages-id)
	}
	for i := id; i < id+n; i++ {
		if im.seen[i] {
			return nil, fmt.Errorf("page %d is used twice", i)
		}
		im.seen[i] = true
	}
	return p[:n*im.pageSize], nil
}

// element is one key of a page, with the page below it or its value.
type element struct {
	key, value []byte
	flags      uint32
	child      uint64
}

// elements are the keys of a branch or leaf page: ascending, not below lo, below hi (nil is no bound).
func elements(p []byte, lo, hi []byte) ([]element, error) {
	kind, count := le.Uint16(p[8:]), uint64(le.Uint16(p[10:]))
	if kind != flagBranch && kind != flagLeaf {
		return nil, fmt.Errorf("has type %#x where a branch or a leaf should be", kind)
	}
	if pageHeader+count*elementSize > uint64(len(p)) || kind == flagBranch && count == 0 {
		return nil, fmt.Errorf("has %d elements", count)
	}
	all := make([]element, count)
	for i := range all {
		at := uint64(pageHeader + i*elementSize)
		e, el := &all[i], p[at:at+elementSize]
		pos, klen, vlen := uint64(le.Uint32(el)), uint64(le.Uint32(el[4:])), uint64(0)
		if kind == flagBranch {
			e.child = le.Uint64(el[8:])
		} else {
			e.flags = le.Uint32(el)
			pos, klen, vlen = klen, uint64(le.Uint32(el[8:])), uint64(le.Uint32(el[12:]))
		}
		if at+pos+klen+vlen > uint64(len(p)) { // each below 2^32: no overflow
			return nil, errors.New("an element points out of its page")
		}
		e.key, e.value = p[at+pos:at+pos+klen], p[at+pos+klen:at+pos+klen+vlen]
		if i > 0 && bytes.Compare(all[i-1].key, e.key) >= 0 || i == 0 && bytes.Compare(lo, e.key) > 0 ||
			hi != nil && bytes.Compare(e.key, hi) >= 0 {
			return nil, errors.New("a key is out of order")
		}
	}
	return all, nil
}

// tree walks the pages of a bucket whose keys are in [lo, hi); path is empty for the root.
func (im *image) tree(id uint64, path, lo, hi []byte) error {
	p, err := im.page(id)
	if err != nil {
		return err
	}
	all, err := elements(p, lo, hi)
	if err != nil {
		return fmt.Errorf("page %d: %w", id, err)
	}
	if le.Uint16(p[8:]) == flagLeaf {
		return im.leaf(all, path)
	}
	for i, e := range all {
		below := hi
		if i+1 < len(all) {
			below = all[i+1].key
		}
		if err := im.tree(e.child, path, e.key, below); err != nil {
			return err
		}
	}
	return nil
}

// leaf emits the values of the first level. There are no buckets below.
func (im *image) leaf(all []element, path []byte) error {
	for _, e := range all {
		var err error
		switch {
		case e.flags&leafBucket == 0 && path != nil:
			err = im.emit(string(path), e.key, e.value)
		case e.flags&leafBucket != 0 && path == nil:
			err = im.bucket(e.key, e.value)
		default:
			err = fmt.Errorf("%q is not what it should be", e.key)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// bucket walks a bucket, which has pages of its own or stands in line as one page without an id.
func (im *image) bucket(name, value []byte) error {
	if len(value) < 16 {
		return errors.New("a bucket is broken")
	}
	if root := le.Uint64(value); root != 0 {
		return im.tree(root, name, nil, nil)
	}
	p := value[16:]
	if len(p) < pageHeader || le.Uint16(p[8:]) != flagLeaf {
		return errors.New("an inline bucket is broken")
	}
	all, err := elements(p, nil, nil)
	if err != nil {
		return fmt.Errorf("an inline bucket: %w", err)
	}
	return im.leaf(all, name)
}

// free checks the freelist: a used page in it would be written over.
func (im *image) free() error {
	if im.freelist == noFreelist {
		return nil
	}
	p, err := im.page(im.freelist)
	if err != nil {
		return fmt.Errorf("freelist: %w", err)
	}
	if flags := le.Uint16(p[8:]); flags != flagFreelist {
		return fmt.Errorf("freelist has type %#x", flags)
	}
	count, at := uint64(le.Uint16(p[10:])), uint64(pageHeader)
	if count == 0xFFFF { // more than fit the header: the first element is the count
		count, at = le.Uint64(p[at:]), at+8
	}
	if count > (uint64(len(p))-at)/8 {
		return fmt.Errorf("freelist has %d elements", count)
	}
	for i := range count {
		id := le.Uint64(p[at+i*8:])
		if id < 2 || id >= im.pages || im.seen[id] {
			return fmt.Errorf("freelist: page %d is in use", id)
		}
		im.seen[id] = true
	}
	return nil
}
