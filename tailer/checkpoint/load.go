package checkpoint

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"
)

// The database has two buckets: entries, with one value each, and meta.
const (
	bucketEntries = "entries"
	bucketMeta    = "meta"
	keyFormat     = "format"
	keyDigest     = "digest"
)

// format says who can read the database.
type format struct {
	Schema        int `json:"schema"`         // of the newest release that has written to it
	ReadableSince int `json:"readable_since"` // the oldest schema whose release may use it
}

// digest tells whether all entries are there, and no other version of one: their number and their checksums, exclusive-or.
type digest struct {
	count int
	sums  uint64
}

func (d digest) String() string { return fmt.Sprintf("%d %016x", d.count, d.sums) }

// contents is what a database was found to hold.
type contents struct {
	entries map[string]*entry
	sums    map[string]uint64 // checksum of each entry, by the same keys
	format  format
}

func (c *contents) add(e *entry, sum uint64) {
	k := e.dbKey()
	if old := c.entries[k]; old == nil || old.rev < e.rev {
		c.entries[k], c.sums[k] = e, sum
	}
}

func newContents() *contents {
	return &contents{entries: map[string]*entry{}, sums: map[string]uint64{}, format: format{schema, schema}}
}

// NewerError says that a newer release has written the state in a way that this one can't read.
type NewerError struct {
	Path   string
	Schema int
}

func (e *NewerError) Error() string {
	return fmt.Sprintf("%s was written by a newer kinetail (schema %d; this one reads up to %d): install that release again, "+
		"or start with another state_dir, which reads by start_at", e.Path, e.Schema, schema)
}

// parse reads a database and checks everything in it. An error says that it is broken, unless it is a *NewerError.
func parse(path string, data []byte) (*contents, error) {
	c := newContents()
	var stored string
	var found digest
	err := walk(data, func(bucket string, key, value []byte) error {
		switch {
		case bucket == bucketEntries:
			e, sum, err := decode(value)
			if err != nil {
				return err
			}
			if e.dbKey() != string(key) {
				return fmt.Errorf("%s %q of flow %q stands under the key of another", e.kind, e.key, e.flow)
			}
			found.count++
			found.sums ^= sum
			c.add(e, sum)
		case bucket == bucketMeta && string(key) == keyFormat:
			if err := json.Unmarshal(value, &c.format); err != nil {
				return fmt.Errorf("read the format: %w", err)
			}
			if c.format.ReadableSince > schema {
				return &NewerError{Path: path, Schema: c.format.ReadableSince}
			}
		case bucket == bucketMeta && string(key) == keyDigest:
			stored = string(value)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if stored != found.String() {
		return nil, fmt.Errorf("the entries are not those that were committed (%q, should be %q)", found, stored)
	}
	return c, nil
}

// salvage finds all entries in the bytes of a broken database by their headers, and keeps the newest version of each: free pages
// hold older ones. An older version has an older offset that was true in its time, so going on from it repeats and does
// not skip.
func salvage(data []byte) *contents {
	c := newContents()
	for {
		i := bytes.Index(data, []byte(magic))
		if i < 0 {
			return c
		}
		data = data[i:]
		if e, sum, err := decodeOpen(data); err == nil {
			c.add(e, sum)
		}
		data = data[len(magic):]
	}
}

// maxEntry bounds a value that has lost its length, in bytes.
const maxEntry = 1 << 20

// decodeOpen reads a value that is followed by other bytes.
func decodeOpen(data []byte) (*entry, uint64, error) {
	data = data[:min(len(data), maxEntry)]
	if _, ok := headerSum(data); !ok {
		return nil, 0, errNoEntry
	}
	d := json.NewDecoder(bytes.NewReader(data[headerSize:]))
	var skipped json.RawMessage
	if err := d.Decode(&skipped); err != nil {
		return nil, 0, errors.Join(errNoEntry, err)
	}
	return decode(data[:headerSize+int(d.InputOffset())])
}

// List reads what is committed in a state directory, also while an agent uses it, and takes no lock. It returns all generations
// of all flows, ordered by flow, path and Seq.
func List(dir string) ([]Generation, error) {
	path := databasePath(dir)
	var err error
	for range 5 { // a commit in between tears what is read; the next read sees another commit at the earliest
		var data []byte
		if data, err = readFile(path); err != nil {
			if errors.Is(err, fs.ErrPermission) {
				err = fmt.Errorf("%w: it is for root, and for the user that kinetail runs as", err)
			}
			return nil, fmt.Errorf("read the state: %w", err)
		}
		var c *contents
		if c, err = parse(path, data); err == nil {
			all := make([]Generation, 0, len(c.entries))
			for _, e := range c.entries {
				if e.kind == kindGeneration {
					all = append(all, e.generation.clone())
				}
			}
			sortGenerations(all)
			return all, nil
		}
	}
	return nil, fmt.Errorf("read the state in %s: %w", path, err)
}

// asidePrefix starts the names of databases that were found broken.
func asidePrefix(path string) string { return strings.TrimSuffix(path, ".db") + ".corrupt-" }
