package read

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Position is how far a shard was read.
type Position struct {
	// Sequence is the sequence number of the last Kinesis record that was handed out; empty before the first.
	Sequence string `json:"sequence,omitempty"`
	// Part is how many of the records in that one were handed out; 0 is all.
	Part int `json:"part,omitempty"`
	// Since is when reading began at the tip of the shard; zero where it began at the beginning.
	Since time.Time `json:"since,omitzero"`
	// Done says that the shard is closed and read to its end, or closed before reading began.
	Done bool `json:"done,omitempty"`
}

// Checkpoint is a file that remembers positions. The zero value, and a nil one, remember nothing.
type Checkpoint struct {
	path   string
	Stream string              `json:"stream"`
	Shards map[string]Position `json:"shards"`
}

// OpenCheckpoint reads a checkpoint file of a stream, or begins one.
func OpenCheckpoint(path, stream string) (*Checkpoint, error) {
	c := &Checkpoint{path: path, Stream: stream}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the checkpoint: %w", err)
	}
	if err := json.Unmarshal(text, c); err != nil {
		return nil, fmt.Errorf("checkpoint %s can't be read: remove it to begin anew: %w", path, err)
	}
	if c.Stream != stream {
		return nil, fmt.Errorf("checkpoint %s is of stream %s, not of %s: use a file for each stream", path, c.Stream, stream)
	}
	return c, nil
}

// save replaces the file as a whole.
func (c *Checkpoint) save(positions map[string]Position) error {
	if c == nil || c.path == "" {
		return nil
	}
	c.Shards = positions
	text, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return err
	}
	fresh, err := os.CreateTemp(filepath.Dir(c.path), ".kinetail-read-*")
	if err != nil {
		return fmt.Errorf("write the checkpoint: %w", err)
	}
	defer func() { _ = os.Remove(fresh.Name()) }()
	_, err = fresh.Write(append(text, '\n'))
	if err = errors.Join(err, fresh.Sync(), fresh.Close()); err == nil {
		err = os.Rename(fresh.Name(), c.path)
	}
	if err != nil {
		return fmt.Errorf("write the checkpoint: %w", err)
	}
	return nil
}
