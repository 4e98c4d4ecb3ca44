package checkpoint

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"time"

	bolt "go.etcd.io/bbolt"
)

// databaseName is the database in the state directory.
const databaseName = "offsets.db"

// keepAside is how many broken databases are kept; older ones are removed.
const keepAside = 5

func databasePath(dir string) string { return filepath.Join(dir, databaseName) }

// disk is the database. Used by one goroutine at a time.
//
// A failed commit closes it, and the next one opens, reads and checks it anew: neither bbolt's memory after an error nor a page
// cache after a failed fsync is relied upon.
type disk struct {
	path   string
	now    func() time.Time
	db     *bolt.DB
	file   *os.File          // the descriptor of db, to close it when bbolt no longer can
	sums   map[string]uint64 // what the open database holds
	had    bool              // there was one under the name since the start
	format format
}

// brokenError says that the database can't be used as it is, while the disk may be fine.
type brokenError struct{ reason error }

func (e *brokenError) Error() string { return "broken database: " + e.reason.Error() }
func (e *brokenError) Unwrap() error { return e.reason }

// guard calls fn and turns a panic into a brokenError: bbolt panics on pages that make no sense, and a file that was
// truncated, or a disk that fails, is a fault where it is mapped.
func guard(fn func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			err = &brokenError{fmt.Errorf("panic: %v", r)}
		}
	}()
	return fn()
}

// commit makes the database hold the changed entries (nil: none under that key). all returns every entry there is; it is needed
// when the database is opened or must be written anew. The Rebuild is not nil when the database was found broken or gone and was written anew.
func (d *disk) commit(changed map[string]*entry, all func() map[string]*entry) (*Rebuild, error) {
	if d.db == nil {
		changed = all()
		err := d.open()
		if errors.Is(err, os.ErrNotExist) && !d.had { // the first start
			return nil, d.create(changed, "")
		}
		if err == nil {
			for k := range d.sums {
				if changed[k] == nil {
					changed[k] = nil // remove it
				}
			}
		} else if rebuilt, err := d.rebuild(all, err); rebuilt != nil || err != nil {
			return rebuilt, err
		}
	}
	err := d.intact()
	if err == nil {
		err = guard(func() error { return d.update(changed) })
	}
	if err == nil {
		return nil, nil
	}
	d.abandon(err)
	return d.rebuild(all, err)
}

// rebuild writes the database anew from memory if reason is that it is broken, and returns reason if it is not.
func (d *disk) rebuild(all func() map[string]*entry, reason error) (*Rebuild, error) {
	var broken *brokenError
	r := &Rebuild{Reason: reason, Time: d.now()}
	switch {
	case errors.As(reason, &broken):
		r.Reason, r.Aside = broken.reason, d.asideName()
	case !errors.Is(reason, os.ErrNotExist):
		return nil, reason
	}
	if err := d.create(all(), r.Aside); err != nil {
		return nil, fmt.Errorf("%w; write a new one: %w", reason, err)
	}
	return r, nil
}

// open opens an existing database that is whole. It returns an error that is os.ErrNotExist, a *NewerError, a *brokenError,
// or what the disk says.
func (d *disk) open() error {
	data, err := readFile(d.path)
	if err != nil {
		return fmt.Errorf("read the database: %w", err)
	}
	c, err := parse(d.path, data)
	var newer *NewerError
	switch {
	case errors.As(err, &newer):
		return err
	case err != nil:
		return &brokenError{err}
	}
	if err := d.attach(d.path); err != nil {
		return err
	}
	d.sums, d.format, d.had = c.sums, c.format, true
	return nil
}

// attach opens a file with bbolt.
func (d *disk) attach(path string) error {
	d.file = nil
	err := guard(func() (err error) {
		d.db, err = bolt.Open(path, 0o600, &bolt.Options{
			Timeout: time.Second,
			OpenFile: func(name string, flag int, mode os.FileMode) (*os.File, error) {
				var err error
				d.file, err = os.OpenFile(name, flag, mode)
				return d.file, err
			},
		})
		return err
	})
	if err != nil {
		d.db = nil
		if d.file != nil {
			_ = d.file.Close()
		}
		return fmt.Errorf("open the database: %w", err)
	}
	return nil
}

// intact looks whether the open file is still the one under its name, and has all its pages.
func (d *disk) intact() error {
	ours, err := d.file.Stat()
	if err != nil {
		return fmt.Errorf("look at the database: %w", err)
	}
	named, err := os.Lstat(d.path)
	if err != nil {
		return fmt.Errorf("look at the database: %w", err)
	}
	if !os.SameFile(ours, named) {
		return &brokenError{errors.New("another file stands in the place of the open one")}
	}
	var want int64
	err = guard(func() error {
		return d.db.View(func(tx *bolt.Tx) error { want = tx.Size(); return nil })
	})
	if err == nil && ours.Size() < want {
		err = &brokenError{fmt.Errorf("the file was truncated from %d to %d bytes", want, ours.Size())}
	}
	return err
}

// update writes what differs, and keeps in d.sums what the database then holds.
func (d *disk) update(changed map[string]*entry) error {
	type change struct {
		key   string
		value []byte
		sum   uint64
	}
	var changes []change
	for _, k := range slices.Sorted(maps.Keys(changed)) {
		e, c := changed[k], change{key: k}
		old, held := d.sums[k]
		if e == nil {
			if held {
				changes = append(changes, c)
			}
			continue
		}
		var err error
		if c.value, c.sum, err = e.encode(); err != nil {
			return err
		}
		if !held || old != c.sum {
			changes = append(changes, c)
		}
	}
	if len(changes) == 0 {
		return nil
	}
	dg := digest{count: len(d.sums)}
	for _, sum := range d.sums {
		dg.sums ^= sum
	}
	err := d.db.Update(func(tx *bolt.Tx) error {
		entries, meta := tx.Bucket([]byte(bucketEntries)), tx.Bucket([]byte(bucketMeta))
		if entries == nil || meta == nil {
			return &brokenError{errors.New("a bucket is missing")}
		}
		for _, c := range changes {
			if old, held := d.sums[c.key]; held {
				dg.count--
				dg.sums ^= old
			}
			if c.value == nil {
				if err := entries.Delete([]byte(c.key)); err != nil {
					return fmt.Errorf("remove an entry: %w", err)
				}
				continue
			}
			dg.count++
			dg.sums ^= c.sum
			if err := entries.Put([]byte(c.key), c.value); err != nil {
				return fmt.Errorf("write an entry: %w", err)
			}
		}
		return putMeta(meta, dg, d.format)
	})
	if err != nil {
		return fmt.Errorf("commit offsets to %s: %w", d.path, err)
	}
	for _, c := range changes {
		if c.value == nil {
			delete(d.sums, c.key)
		} else {
			d.sums[c.key] = c.sum
		}
	}
	return nil
}

func putMeta(meta *bolt.Bucket, dg digest, f format) error {
	f.Schema = max(f.Schema, schema)
	text, err := json.Marshal(f)
	if err != nil {
		return err
	}
	if err := meta.Put([]byte(keyFormat), text); err != nil {
		return err
	}
	return meta.Put([]byte(keyDigest), []byte(dg.String()))
}

// create writes a whole new database beside the old one and puts it in its place, keeping the old one under the name aside if
// that is not empty. At no moment is there none, or half of one, under the name.
func (d *disk) create(all map[string]*entry, aside string) error {
	d.close()
	temp := d.path + ".new"
	if err := os.Remove(temp); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("write a new database: %w", err)
	}
	d.sums = map[string]uint64{}
	if d.format == (format{}) {
		d.format = format{schema, schema}
	}
	err := d.attach(temp)
	if err == nil {
		err = guard(func() error {
			return d.db.Update(func(tx *bolt.Tx) error {
				for _, name := range []string{bucketEntries, bucketMeta} {
					if _, err := tx.CreateBucket([]byte(name)); err != nil {
						return err
					}
				}
				return putMeta(tx.Bucket([]byte(bucketMeta)), digest{}, d.format)
			})
		})
	}
	if err == nil {
		err = guard(func() error { return d.update(all) })
	}
	if err == nil && aside != "" {
		if err = os.Link(d.path, aside); err != nil { // a file system without hard links
			err = os.Rename(d.path, aside)
		}
	}
	if err == nil {
		err = os.Rename(temp, d.path)
	}
	if err == nil {
		err = syncDir(filepath.Dir(d.path))
	}
	if err != nil {
		d.abandon(err)
		_ = os.Remove(temp)
		return fmt.Errorf("write a new database %s: %w", d.path, err)
	}
	d.had = true
	d.removeOldAsides()
	return nil
}

func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	return f.Sync()
}

// asideName is a name that is not taken, in UTC.
func (d *disk) asideName() string {
	base := asidePrefix(d.path) + d.now().UTC().Format("20060102T150405Z")
	name := base
	for i := 1; ; i++ {
		if _, err := os.Lstat(name); errors.Is(err, os.ErrNotExist) || i > 1000 {
			return name
		}
		name = fmt.Sprintf("%s-%d", base, i)
	}
}

func (d *disk) removeOldAsides() {
	names, _ := filepath.Glob(asidePrefix(d.path) + "*")
	slices.Sort(names)
	for len(names) > keepAside {
		_ = os.Remove(names[0])
		names = names[1:]
	}
}

// abandon closes the database after err. After a panic bbolt may hold its own locks, so only the descriptor is closed: the mapping of the
// broken file stays until the process ends.
func (d *disk) abandon(err error) {
	var broken *brokenError
	if d.db != nil && errors.As(err, &broken) {
		_ = d.file.Close()
		d.db = nil
	}
	d.close()
}

func (d *disk) close() {
	if d.db != nil {
		_ = guard(d.db.Close)
		d.db = nil
	}
}
