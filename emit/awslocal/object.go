package awslocal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// object is the S3 object that a delivery stream is writing: a hidden file that gets its name when it is complete.
// Without a folder it does nothing.
type object struct {
	dir     string // "" without Options.FirehoseDir
	config  DeliveryStreamConfig
	file    *os.File
	size    int64
	started time.Time
	number  int
}

func (o *object) init(dir string, c DeliveryStreamConfig) error {
	o.dir, o.config = dir, c
	if err := os.MkdirAll(dir, 0o755); err != nil { // #nosec G301 -- a test's folder
		return fmt.Errorf("make the folder for delivered objects: %w", err)
	}
	return nil
}

func (o *object) write(data []byte, now time.Time) error {
	if o.dir == "" {
		return nil
	}
	if o.file == nil {
		f, err := os.OpenFile(filepath.Join(o.dir, "."+o.config.Name+".open"), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o644) // #nosec G302 G304
		if err != nil {
			return fmt.Errorf("start an object: %w", err)
		}
		o.file, o.size, o.started = f, 0, now
	}
	n, err := o.file.Write(data)
	o.size += int64(n)
	if err != nil {
		return fmt.Errorf("write object: %w", err)
	}
	return nil
}

// due reports whether the buffering hints end the object.
func (o *object) due(now time.Time) bool {
	return o.file != nil && (o.size >= o.config.ObjectBytes || now.Sub(o.started) >= o.config.ObjectAge)
}

// finish gives the object its name, which is built like Firehose's, and returns its path; "" if there was none.
func (o *object) finish(now time.Time) (string, error) {
	if o.file == nil {
		return "", nil
	}
	open := o.file.Name()
	if err := o.file.Close(); err != nil {
		return "", fmt.Errorf("finish object: %w", err)
	}
	o.file = nil
	o.number++
	at := now.UTC()
	path := filepath.Join(o.dir, filepath.FromSlash(fmt.Sprintf("%s%s/%s-1-%s-%08d", o.config.Prefix, at.Format("2006/01/02/15"),
		o.config.Name, at.Format("2006-01-02-15-04-05"), o.number)))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { // #nosec G301
		return "", fmt.Errorf("finish object: %w", err)
	}
	if err := os.Rename(open, path); err != nil {
		return "", fmt.Errorf("finish object: %w", err)
	}
	return path, nil
}

func (d *deliveryStream) finishLocked(now time.Time) error {
	path, err := d.object.finish(now)
	if path != "" {
		d.objects = append(d.objects, path)
	}
	return err
}

func (f *firehoseService) closeObjects(now time.Time) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	var errs []error
	for _, d := range f.streams {
		d.mu.Lock()
		errs = append(errs, d.finishLocked(now))
		d.mu.Unlock()
	}
	return errors.Join(errs...)
}

// Objects finishes what a delivery stream has begun to write and returns the paths of all its objects, oldest first.
func (s *Server) Objects(deliveryStream string) ([]string, error) {
	d, err := s.deliveryStream(deliveryStream)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	err = d.finishLocked(s.opts.Now())
	return append([]string(nil), d.objects...), err
}
