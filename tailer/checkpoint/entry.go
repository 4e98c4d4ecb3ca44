package checkpoint

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc64"
	"maps"
	"strconv"
	"strings"
	"unicode/utf8"
)

// schema is what this release writes into each value. A release reads all schemas, as long as the database's readable_since is not
// above its own: fields and kinds that it does not know are kept as they are, so that going back a release and
// forward again loses nothing.
const schema = 1

// What an entry can be.
const (
	kindGeneration = "generation"
	kindScan       = "scan"
	kindValue      = "value"
)

// entry is one remembered thing. It is never changed once made.
type entry struct {
	kind, flow, key string
	// rev grows with each change in the store: of two versions of an entry the higher is newer.
	rev        uint64
	generation *Generation                // kindGeneration; never changed either
	extra      map[string]json.RawMessage // fields of a newer release
	data       *[]byte                    // kindValue: the value; a kind that is not known: all of the entry, as it was found
}

// value is that of an entry of kindValue.
func (e *entry) value() []byte {
	if e.kind != kindValue || e.data == nil {
		return nil
	}
	return *e.data
}

// raw is an entry of a kind that is not known; nil for others.
func (e *entry) raw() []byte {
	if e.kind == kindGeneration || e.kind == kindScan || e.kind == kindValue || e.data == nil {
		return nil
	}
	return *e.data
}

// document is how an entry is written, after a header with its checksum. It says its own key, so that it can be recognised without
// the tree around it.
type document struct {
	Schema     int    `json:"schema"`
	Kind       string `json:"kind"`
	Flow       string `json:"flow"`
	Key        string `json:"key"`
	Rev        uint64 `json:"rev"`
	Generation any    `json:"generation,omitempty"` // *Generation, or json.RawMessage with fields of a newer release
	Value      []byte `json:"value,omitempty"`
}

// header starts every value: magic, the checksum in 16 hex digits, a space.
const (
	magic      = "kinetail1 "
	headerSize = len(magic) + 16 + 1
)

var crcTable = crc64.MakeTable(crc64.ECMA)

// dbKey is the entry's key in the database. No two entries have the same.
func dbKey(kind, flow, key string) string {
	b := make([]byte, 0, len(kind)+len(flow)+len(key)+8)
	b = append(b, kind...)
	b = append(b, 0)
	b = binary.AppendUvarint(b, uint64(len(flow)))
	b = append(b, flow...)
	b = append(b, key...)
	return string(b)
}

func (e *entry) dbKey() string { return dbKey(e.kind, e.flow, e.key) }

// encode writes the entry, always the same way, and returns its checksum too.
func (e *entry) encode() (value []byte, sum uint64, err error) {
	if raw := e.raw(); raw != nil {
		return raw, crc64.Checksum(raw[headerSize:], crcTable), nil
	}
	d := document{Schema: schema, Kind: e.kind, Flow: e.flow, Key: toText(e.key), Rev: e.rev, Value: e.value()}
	if e.kind == kindGeneration {
		g := e.generation.clone()
		g.eachPath(toText)
		d.Generation = &g
		if len(e.extra) > 0 {
			if d.Generation, err = withExtra(&g, e.extra); err != nil {
				return nil, 0, fmt.Errorf("write generation %q of flow %q: %w", e.key, e.flow, err)
			}
		}
	}
	text, err := json.Marshal(&d)
	if err != nil {
		return nil, 0, fmt.Errorf("write %s %q of flow %q: %w", e.kind, e.key, e.flow, err)
	}
	sum = crc64.Checksum(text, crcTable)
	value = make([]byte, 0, headerSize+len(text))
	value = append(value, magic...)
	value = fmt.Appendf(value, "%016x ", sum)
	return append(value, text...), sum, nil
}

func withExtra(g *Generation, extra map[string]json.RawMessage) (json.RawMessage, error) {
	text, err := json.Marshal(g)
	if err != nil {
		return nil, err
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(text, &all); err != nil {
		return nil, err
	}
	maps.Copy(all, extra)
	return json.Marshal(all)
}

// bytesPrefix marks a path that is not UTF-8, which JSON can't hold, and stands in base64.
const bytesPrefix = "\x00base64:"

func toText(path string) string {
	if utf8.ValidString(path) && !strings.HasPrefix(path, bytesPrefix) {
		return path
	}
	return bytesPrefix + base64.StdEncoding.EncodeToString([]byte(path))
}

func fromText(text string) string {
	if coded, ok := strings.CutPrefix(text, bytesPrefix); ok {
		if b, err := base64.StdEncoding.DecodeString(coded); err == nil {
			return string(b)
		}
	}
	return text
}

var errNoEntry = errors.New("not an entry")

// decode reads a value whose length is known.
func decode(value []byte) (*entry, uint64, error) {
	sum, ok := headerSum(value)
	if !ok {
		return nil, 0, errNoEntry
	}
	text := value[headerSize:]
	if crc64.Checksum(text, crcTable) != sum {
		return nil, 0, fmt.Errorf("%w: the checksum is wrong", errNoEntry)
	}
	var generation json.RawMessage
	d := document{Generation: &generation}
	if err := json.Unmarshal(text, &d); err != nil {
		return nil, 0, fmt.Errorf("read an entry: %w", err)
	}
	e := &entry{kind: d.Kind, flow: d.Flow, key: fromText(d.Key), rev: d.Rev}
	switch d.Kind {
	case kindGeneration:
		if err := e.decodeGeneration(generation); err != nil {
			return nil, 0, fmt.Errorf("read generation %q of flow %q: %w", d.Key, d.Flow, err)
		}
	case kindScan:
	case kindValue:
		e.data = &d.Value
	default:
		raw := bytes.Clone(value)
		e.data = &raw
	}
	return e, sum, nil
}

func (e *entry) decodeGeneration(text []byte) error {
	e.generation = &Generation{}
	if err := json.Unmarshal(text, e.generation); err != nil {
		return err
	}
	e.generation.eachPath(fromText)
	for i, name := range e.generation.Names {
		if name == e.generation.Path {
			e.generation.Names[i] = e.generation.Path // one string
		}
	}
	e.generation.ID, e.generation.Flow = e.key, e.flow
	if err := json.Unmarshal(text, &e.extra); err != nil {
		return err
	}
	for _, name := range generationFields {
		delete(e.extra, name)
	}
	if len(e.extra) == 0 {
		e.extra = nil
	}
	return nil
}

func headerSum(value []byte) (uint64, bool) {
	if len(value) < headerSize || !strings.HasPrefix(string(value[:len(magic)]), magic) || value[headerSize-1] != ' ' {
		return 0, false
	}
	sum, err := strconv.ParseUint(string(value[len(magic):headerSize-1]), 16, 64)
	return sum, err == nil
}
