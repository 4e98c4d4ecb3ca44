package sqlite

import (
	"encoding/binary"
	"math"
	"unicode/utf16"
)

// The kinds of pages of a table.
const (
	interiorTable = 0x05
	leafTable     = 0x0d
)

// maxTreeDepth is more than any table that fits into maxFile has.
const maxTreeDepth = 40

// walk calls f for each record of the table whose root is page n.
func (db *DB) walk(n uint32, depth int, seen map[uint32]bool, f func(rowid int64, payload []byte) error) error {
	if depth > maxTreeDepth || seen[n] {
		return broken("page %d is twice in a table", n)
	}
	seen[n] = true
	page, err := db.page(n)
	if err != nil {
		return err
	}
	head := page
	at := 0
	if n == 1 { // behind the header of the file
		at = 100
		head = page[100:]
	}
	kind, cells := head[0], int(binary.BigEndian.Uint16(head[3:]))
	pointers := at + 8
	if kind == interiorTable {
		pointers = at + 12
	} else if kind != leafTable {
		return broken("page %d is of no table (kind %d)", n, kind)
	}
	if pointers+2*cells > db.usable {
		return broken("page %d claims %d cells", n, cells)
	}
	for i := range cells {
		cell := int(binary.BigEndian.Uint16(page[pointers+2*i:]))
		if cell < pointers+2*cells || cell+4 > db.usable {
			return broken("a cell of page %d is outside of it", n)
		}
		if kind == interiorTable {
			if err := db.walk(binary.BigEndian.Uint32(page[cell:]), depth+1, seen, f); err != nil {
				return err
			}
			continue
		}
		rowid, payload, err := db.payload(page, cell, n)
		if err != nil {
			return err
		}
		if err := f(rowid, payload); err != nil {
			return err
		}
	}
	if kind == interiorTable {
		return db.walk(binary.BigEndian.Uint32(head[8:]), depth+1, seen, f)
	}
	return nil
}

// payload is the record of a cell, together with its overflow pages.
func (db *DB) payload(page []byte, at int, n uint32) (int64, []byte, error) {
	cell := page[at:db.usable]
	size, used, ok := varint(cell)
	rowid, more, ok2 := varint(cell[used:])
	if !ok || !ok2 || size > maxFile {
		return 0, nil, broken("a cell of page %d ends too early", n)
	}
	cell = cell[used+more:]
	length, local := int(size), int(size)
	if most := db.usable - 35; length > most {
		least := (db.usable-12)*32/255 - 23
		if local = least + (length-least)%(db.usable-4); local > most {
			local = least
		}
	}
	if local == length {
		if len(cell) < local {
			return 0, nil, broken("a cell of page %d ends too early", n)
		}
		return int64(rowid), cell[:local], nil //nolint:gosec // rowids are signed
	}
	if len(cell) < local+4 {
		return 0, nil, broken("a cell of page %d ends too early", n)
	}
	if length-local > int(db.pages)*(db.usable-4) {
		return 0, nil, broken("a record has %d bytes, more than the database", length)
	}
	out := append(make([]byte, 0, length), cell[:local]...)
	next := binary.BigEndian.Uint32(cell[local:])
	for len(out) < length { // ends: each page adds to out
		overflow, err := db.page(next)
		if err != nil {
			return 0, nil, err
		}
		next = binary.BigEndian.Uint32(overflow)
		part := overflow[4:db.usable]
		out = append(out, part[:min(len(part), length-len(out))]...)
	}
	return int64(rowid), out, nil //nolint:gosec // as above
}

// varint reads SQLite's variable-length number: big-endian, seven bits a byte, and all eight of a ninth.
func varint(b []byte) (n uint64, size int, ok bool) {
	for i := 0; i < len(b) && i < 9; i++ {
		if i == 8 {
			return n<<8 | uint64(b[i]), 9, true
		}
		n = n<<7 | uint64(b[i]&0x7f)
		if b[i] < 0x80 {
			return n, i + 1, true
		}
	}
	return 0, 0, false
}

// values reads a record: nil, int64, float64, string or []byte for each column.
func (db *DB) values(record []byte) ([]any, error) {
	size, used, ok := varint(record)
	if !ok || size < uint64(used) || size > uint64(len(record)) { //nolint:gosec // used is small
		return nil, broken("a record ends within its header")
	}
	types, body := record[used:size], record[size:]
	var out []any
	for len(types) > 0 {
		kind, n, ok := varint(types)
		if !ok {
			return nil, broken("a record ends within its header")
		}
		types = types[n:]
		length := 0
		switch {
		case kind < 5:
			length = int(kind) //nolint:gosec // below 5
		case kind == 5:
			length = 6
		case kind == 6 || kind == 7:
			length = 8
		case kind >= 12:
			if (kind-12)/2 > uint64(len(body)) {
				return nil, broken("a value is longer than its record")
			}
			length = int((kind - 12) / 2) //nolint:gosec // bounded above
		}
		if length > len(body) {
			return nil, broken("a value is longer than its record")
		}
		v := body[:length]
		body = body[length:]
		switch {
		case kind == 0:
			out = append(out, nil)
		case kind == 7:
			out = append(out, math.Float64frombits(binary.BigEndian.Uint64(v)))
		case kind == 8 || kind == 9:
			out = append(out, int64(kind-8)) //nolint:gosec // 0 or 1
		case kind < 7:
			out = append(out, signed(v))
		case kind < 12:
			return nil, broken("a value is of the reserved type %d", kind)
		case kind%2 == 0:
			out = append(out, v)
		default:
			out = append(out, db.text(v))
		}
	}
	return out, nil
}

// signed is a big-endian number in two's complement.
func signed(b []byte) int64 {
	n := int64(int8(b[0])) //nolint:gosec // sign extension is what is wanted
	for _, c := range b[1:] {
		n = n<<8 | int64(c)
	}
	return n
}

func (db *DB) text(b []byte) string {
	if db.encoding == 1 {
		return string(b)
	}
	var order binary.ByteOrder = binary.LittleEndian
	if db.encoding == 3 {
		order = binary.BigEndian
	}
	units := make([]uint16, len(b)/2)
	for i := range units {
		units[i] = order.Uint16(b[2*i:])
	}
	return string(utf16.Decode(units))
}
