package tailer

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/kinetail/kinetail/tailer/checkpoint"
	"github.com/kinetail/kinetail/tailer/memory"
)

// Sizes of a Follower where Options leave them out.
const (
	defaultBlockSize    = 256 << 10
	defaultMaxUnacked   = 64 << 20
	defaultSweep        = 5 * time.Second
	defaultPollInterval = 50 * time.Millisecond
	defaultFinalAfter   = 10 * time.Second
	defaultForgetAfter  = 30 * 24 * time.Hour
)

// HoldDeleted caps what is held of bodies that have lost all their names and still have bytes pending. Whatever is given up
// is a gap.
type HoldDeleted struct {
	// MaxAge is how long after the loss of the last name; 0 is for ever.
	MaxAge time.Duration
	// MaxBytes is the sum of their sizes in bytes; 0 is a tenth of the file system they are on.
	MaxBytes int64
}

// Options are for Open.
type Options struct {
	// Flow is the flow's name: state belongs to it.
	Flow string
	// Paths and Exclude are glob patterns; ** crosses directories.
	Paths, Exclude []string
	// Rotated are patterns for where rotated bodies go, besides the same directory under the common suffixes.
	Rotated []string
	// StartAt is "end" (the default) or "beginning": where files of the first scan start.
	StartAt string
	Framer  Framer
	// Header tells in Source.Header what the generation's last header line is; the framer has to be Headed.
	Header bool
	// BlockSize is how much is read at once, in bytes; default 256 KiB.
	BlockSize int
	// MaxUnacked is how many bytes may be handed out and not yet acknowledged; default 64 MiB.
	MaxUnacked int64
	// Once makes Next return io.EOF when everything is read to its end, and implies StartAt "beginning".
	Once bool
	// PollInterval is the time between two looks at a busy file; default 50 ms.
	PollInterval time.Duration
	// SweepInterval is the time between two looks at everything; default 5 s.
	SweepInterval time.Duration
	// FinalAfter is how long a drained generation must be quiet to be final; default 10 s.
	FinalAfter time.Duration
	// ForgetAfter is how long after the last file that matched was seen a final generation is forgotten; default 30 days.
	ForgetAfter time.Duration
	// IgnoreOlder leaves out what was not modified for so long when it is discovered; 0 leaves out nothing.
	IgnoreOlder time.Duration
	// OnAmbiguous is "repeat" (the default) or "skip": what happens to a body that may or may not be one already read.
	OnAmbiguous string
	// Symlinks is "owner" (the default), "all" or "none": which symbolic links are followed.
	Symlinks string
	// HardLinks is "owner" (the default: a file that may be a hard link to somebody else's is not read) or "all".
	HardLinks   string
	HoldDeleted HoldDeleted
	// Store remembers; nil keeps everything in memory (dry run).
	Store *checkpoint.Store
	// Watcher gives hints; nil makes the follower poll.
	Watcher *Watcher
	// Memory is charged for read blocks; nil is unlimited.
	Memory *memory.Share
	// Log is slog.Default() if nil.
	Log *slog.Logger
}

func (o *Options) complete() error {
	if o.Framer == nil {
		return errors.New("no framer")
	}
	if _, ok := o.Framer.(Headed); o.Header && !ok {
		return errors.New("the framer knows no header lines")
	}
	if len(o.Paths) == 0 && len(o.Rotated) == 0 {
		return errors.New("no paths")
	}
	if o.Once {
		o.StartAt = "beginning"
	}
	for _, c := range []struct {
		name    string
		value   *string
		allowed []string
	}{
		{"start_at", &o.StartAt, []string{"end", "beginning"}},
		{"on_ambiguous", &o.OnAmbiguous, []string{"repeat", "skip"}},
		{"symlinks", &o.Symlinks, []string{"owner", "all", "none"}},
		{"hard_links", &o.HardLinks, []string{"owner", "all"}},
	} {
		ok := false
		if *c.value == "" {
			*c.value = c.allowed[0]
		}
		for _, a := range c.allowed {
			ok = ok || a == *c.value
		}
		if !ok {
			return fmt.Errorf("%s is %q: it can be one of %q", c.name, *c.value, c.allowed)
		}
	}
	o.BlockSize = orDefault(o.BlockSize, defaultBlockSize)
	o.MaxUnacked = orDefault(o.MaxUnacked, defaultMaxUnacked)
	o.PollInterval = orDefault(o.PollInterval, defaultPollInterval)
	o.SweepInterval = orDefault(o.SweepInterval, defaultSweep)
	o.FinalAfter = orDefault(o.FinalAfter, defaultFinalAfter)
	o.ForgetAfter = orDefault(o.ForgetAfter, defaultForgetAfter)
	if o.Log == nil {
		o.Log = slog.Default()
	}
	return nil
}

func orDefault[T int | int64 | time.Duration](v, d T) T {
	if v <= 0 {
		return d
	}
	return v
}
