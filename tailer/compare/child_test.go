//go:build compare

package compare

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/nxadm/tail"

	"github.com/kinetail/kinetail/tailer"
	"github.com/kinetail/kinetail/tailer/frame"
)

// silence is how long nothing comes before a follower's process takes it that nothing will.
const silence = 3 * time.Second

// tally counts lines by their numbers.
type tally struct {
	result
	numbered bool
	seen     map[int]bool
	last     int
	at       time.Time // of the last line
}

func (c *tally) line(text string) {
	c.at = time.Now()
	if !c.numbered {
		c.Seen++
		return
	}
	n, err := strconv.Atoi(text[:min(9, len(text))])
	switch {
	case err != nil || len(text) != lineSize-1: // half a line is none
	case c.seen[n]:
		c.Repeated++
	default:
		if n < c.last {
			c.OutOfOrder++
		}
		c.seen[n], c.last = true, max(c.last, n)
		c.Seen++
	}
}

func (c *tally) print() {
	var r syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	c.CPU = time.Duration(r.Utime.Nano() + r.Stime.Nano())
	_ = json.NewEncoder(os.Stdout).Encode(c.result)
}

// child is a follower's process. It follows COMPARE_PATH and prints what it has seen, every second too, because it may be ended.
func child(who string) int {
	path, follow := os.Getenv("COMPARE_PATH"), os.Getenv("COMPARE_HOW") == "follow"
	name, how, _ := strings.Cut(who, ", ")
	c := &tally{numbered: follow, seen: map[int]bool{}, at: time.Now().Add(2 * silence)}
	began := time.Now()
	var err error
	if name == "kinetail" {
		err = ours(c, path, follow, how == "inotify")
	} else {
		err = theirs(c, path, follow, how == "polling")
	}
	c.Took = c.at.Sub(began)
	c.print()
	if err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}

func ours(c *tally, path string, follow, watch bool) error {
	framer, err := frame.New(frame.Options{})
	if err != nil {
		return err
	}
	o := tailer.Options{Flow: "compare", Paths: []string{path}, StartAt: "beginning", Framer: framer, Once: !follow, Log: slog.New(slog.DiscardHandler)}
	if watch {
		o.Watcher = tailer.NewWatcher(o.Log)
		defer o.Watcher.Close()
	}
	f, err := tailer.Open(o)
	if err != nil {
		return err
	}
	defer f.Close()
	for {
		ctx, cancel := context.WithDeadline(context.Background(), c.at.Add(silence))
		b, err := f.Next(ctx)
		cancel()
		if errors.Is(err, io.EOF) || errors.Is(err, context.DeadlineExceeded) {
			return nil
		}
		if err != nil {
			return err
		}
		if c.numbered {
			for i := range b.Records {
				c.line(string(b.Bytes(i)))
			}
		} else {
			c.Seen += len(b.Records)
			c.at = time.Now()
		}
		ack := b.Ack
		b.Release()
		ack.Done(1)
	}
}

func theirs(c *tally, path string, follow, poll bool) error {
	t, err := tail.TailFile(path, tail.Config{Follow: follow, ReOpen: follow, Poll: poll, Logger: tail.DiscardingLogger})
	if err != nil {
		return err
	}
	printed := time.NewTicker(time.Second)
	defer printed.Stop()
	quiet := time.NewTimer(time.Until(c.at))
	for {
		select {
		case l, ok := <-t.Lines:
			if !ok {
				return t.Err()
			}
			c.line(l.Text)
			if c.numbered {
				quiet.Reset(silence)
			}
		case <-printed.C:
			c.print()
		case <-quiet.C:
			if c.numbered {
				return nil
			}
		}
	}
}
