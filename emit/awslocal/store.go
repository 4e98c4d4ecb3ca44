package awslocal

import (
	"encoding/binary"
	"time"
)

const (
	firstBlock = 4 << 10
	fullBlock  = 1 << 20
	headerSize = 8 + 2 + 4 // arrival in Unix milliseconds, length of the key, length of the data
)

// recordStore keeps records in append-only blocks: 22 bytes a record besides its key and data. What get returned stays
// valid and unchanged while later records are appended. The owner's lock guards it.
type recordStore struct {
	blocks [][]byte
	index  []recordRef
}

type recordRef struct{ block, offset uint32 }

type storedRecord struct {
	key, data []byte
	arrival   time.Time // whole milliseconds
}

func (s *recordStore) append(key, data []byte, arrival time.Time) {
	need := headerSize + len(key) + len(data)
	last := len(s.blocks) - 1
	if last < 0 || cap(s.blocks[last])-len(s.blocks[last]) < need {
		size := firstBlock
		if last >= 0 {
			size = min(2*cap(s.blocks[last]), fullBlock)
		}
		s.blocks = append(s.blocks, make([]byte, 0, max(size, need)))
		last++
	}
	b := s.blocks[last]
	s.index = append(s.index, recordRef{uint32(last), uint32(len(b))})
	b = binary.LittleEndian.AppendUint64(b, uint64(arrival.UnixMilli()))
	b = binary.LittleEndian.AppendUint16(b, uint16(len(key)))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(data)))
	b = append(b, key...)
	s.blocks[last] = append(b, data...)
}

func (s *recordStore) len() int { return len(s.index) }

func (s *recordStore) get(i int) storedRecord {
	ref := s.index[i]
	b := s.blocks[ref.block][ref.offset:]
	arrival := int64(binary.LittleEndian.Uint64(b))
	keyLen := int(binary.LittleEndian.Uint16(b[8:]))
	dataLen := int(binary.LittleEndian.Uint32(b[10:]))
	b = b[headerSize:]
	return storedRecord{
		key:     b[:keyLen:keyLen],
		data:    b[keyLen : keyLen+dataLen : keyLen+dataLen],
		arrival: time.UnixMilli(arrival),
	}
}
