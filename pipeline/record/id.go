package record

import (
	"bytes"
	"strconv"
)

// ID says which record it is: the bytes that it covers of one body of a file. The same record has the same ID whenever it is read, a record
// that is framed otherwise has another, and no two bodies have the same Generation, on whichever host.
type ID struct {
	Generation string
	Start, End int64
	// Part is the number of the part of a record that was split, from 1; 0 for a whole one.
	Part int
}

// Append writes the ID as expressions see it, GENERATION:START-END, with .PART behind it for a part.
func (id *ID) Append(dst []byte) []byte {
	dst = append(append(dst, id.Generation...), ':')
	dst = strconv.AppendInt(dst, id.Start, 10)
	dst = strconv.AppendInt(append(dst, '-'), id.End, 10)
	if id.Part > 0 {
		dst = strconv.AppendInt(append(dst, '.'), int64(id.Part), 10)
	}
	return dst
}

// A generation's name in an ID is hexadecimal, and has so many digits: releases before this one drew fewer.
const minGeneration, maxGeneration = 24, 32

// FindID finds the first ID in a text, such as a record in JSON or a partition key.
func FindID(text []byte) (ID, bool) {
	for at := 0; ; {
		i := bytes.IndexByte(text[at:], ':')
		if i < 0 {
			return ID{}, false
		}
		colon := at + i
		at = colon + 1
		from := colon
		for from > 0 && hexadecimal(text[from-1]) {
			from--
		}
		if n := colon - from; n < minGeneration || n > maxGeneration {
			continue
		}
		id := ID{Generation: string(text[from:colon])}
		rest, ok := number(text[at:], &id.Start)
		if !ok || len(rest) == 0 || rest[0] != '-' {
			continue
		}
		if rest, ok = number(rest[1:], &id.End); !ok || id.End < id.Start {
			continue
		}
		if len(rest) > 0 && rest[0] == '.' {
			part := int64(0)
			if _, ok := number(rest[1:], &part); ok {
				id.Part = int(part)
			}
		}
		return id, true
	}
}

func hexadecimal(b byte) bool { return b >= '0' && b <= '9' || b >= 'a' && b <= 'f' }

// number reads a decimal number of up to 19 digits and returns what follows it.
func number(text []byte, n *int64) (rest []byte, ok bool) {
	i := 0
	for i < len(text) && text[i] >= '0' && text[i] <= '9' {
		i++
	}
	v, err := strconv.ParseInt(string(text[:i]), 10, 64)
	*n = v
	return text[i:], err == nil
}
