package sqlite

import "encoding/binary"

// Sizes in the write-ahead log, in bytes.
const (
	logHeader   = 32
	frameHeader = 24
)

// findFrames finds the pages of the write-ahead log that are committed: those up to the last frame that ends a transaction, as long as salts and
// checksums hold. What follows is of a transaction that was not finished, or of an older log. A log that does not begin as one, or that is of other pages, is
// none, as SQLite has it.
func (db *DB) findFrames() {
	log := db.log
	if len(log) < logHeader {
		return
	}
	be := binary.BigEndian
	var order binary.ByteOrder = binary.LittleEndian
	switch be.Uint32(log) {
	case 0x377f0682:
	case 0x377f0683:
		order = be
	default:
		return
	}
	if be.Uint32(log[4:]) != 3007000 || int(be.Uint32(log[8:])) != db.pageSize {
		return
	}
	s1, s2 := checksum(order, 0, 0, log[:24])
	if s1 != be.Uint32(log[24:]) || s2 != be.Uint32(log[28:]) {
		return
	}
	salts := string(log[16:24])
	pending := map[uint32]int{}
	committed := map[uint32]int{}
	for at := logHeader; at+frameHeader+db.pageSize <= len(log); at += frameHeader + db.pageSize {
		frame := log[at : at+frameHeader+db.pageSize]
		if string(frame[8:16]) != salts {
			break
		}
		s1, s2 = checksum(order, s1, s2, frame[:8])
		s1, s2 = checksum(order, s1, s2, frame[frameHeader:])
		if s1 != be.Uint32(frame[16:]) || s2 != be.Uint32(frame[20:]) {
			break
		}
		page := be.Uint32(frame)
		if page == 0 {
			break
		}
		pending[page] = at + frameHeader
		if size := be.Uint32(frame[4:]); size != 0 {
			for p, where := range pending {
				committed[p] = where
			}
			clear(pending)
			db.pages = size
		}
	}
	db.frames = committed
}

// checksum is the log's: two sums over pairs of words in the given order.
func checksum(order binary.ByteOrder, s1, s2 uint32, b []byte) (uint32, uint32) {
	for i := 0; i+8 <= len(b); i += 8 {
		s1 += order.Uint32(b[i:]) + s2
		s2 += order.Uint32(b[i+4:]) + s1
	}
	return s1, s2
}
