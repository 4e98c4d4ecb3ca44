package agent

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"sync"

	"github.com/kinetail/kinetail/agent/config"
	"github.com/kinetail/kinetail/emit"
	"github.com/kinetail/kinetail/pipeline"
	"github.com/kinetail/kinetail/tailer"
	"github.com/kinetail/kinetail/tailer/memory"
)

// ErrNoDestination says that the configuration has no such emit block.
var ErrNoDestination = errors.New("the configuration has no such flow and emit block")

// Redelivery sends dead letters again, through a destination of its own that is made as the configuration says. It needs no state
// directory, so that an agent may run beside it. One goroutine at a time.
type Redelivery struct {
	destination emit.Destination
	share       *memory.Share
	dir         string // stands for the state directory: what is refused again is written there
	refused     string // its dead-letter file
	sent        int64  // letters, numbered by Record.Start
}

// NewRedelivery opens the destination of a flow's emit block. Of the options it uses Config, Version, Output and Log. Close must be
// called.
func NewRedelivery(ctx context.Context, o Options, flowName, name string) (*Redelivery, error) {
	flow, block := findEmit(o.Config, flowName, name)
	if block == nil {
		return nil, fmt.Errorf("flow %q, emit %q: %w", flowName, name, ErrNoDestination)
	}
	dir, err := os.MkdirTemp("", "kinetail-send-")
	if err != nil {
		return nil, fmt.Errorf("make a place for what is refused again: %w", err)
	}
	whole, e := *o.Config, *block
	whole.Agent.StateDir = dir
	e.DeadLetter = config.DeadLetter{MaxSize: math.MaxInt64, OnFull: "wait", MaxRate: block.DeadLetter.MaxRate}
	o.Config = &whole
	budget := memory.New(whole.Agent.QueueMemory())
	r := &Redelivery{
		share: budget.Share(), dir: dir,
		refused: emit.NewDeadLetters(emit.DeadLetterOptions{StateDir: dir, Flow: flow.Name, Destination: e.Name}).Path(),
	}
	b := &builder{a: &Agent{opts: o, log: o.Log, budget: budget, bodies: memory.New(whole.Agent.BodyMemory())}, whole: &whole, cfg: flow, share: r.share}
	if r.destination, err = b.destination(ctx, &e); err != nil {
		return nil, errors.Join(fmt.Errorf("emit %q: %w", name, err), os.RemoveAll(dir))
	}
	return r, nil
}

func findEmit(cfg *config.Config, flowName, name string) (*config.Flow, *config.Emit) {
	for _, f := range cfg.Flows {
		for _, e := range f.Emits {
			if f.Name == flowName && e.Name == name {
				return f, e
			}
		}
	}
	return nil, nil
}

// Verdict is what became of a letter: accepted, or refused again, or, where both are empty, not known.
type Verdict struct {
	Accepted bool
	Refused  string // why
}

// Send sends letters and returns when each has a verdict, or with an error when ctx has ended: then the verdicts say what is known. A
// letter without one may still have been accepted.
func (r *Redelivery) Send(ctx context.Context, letters []emit.StoredLetter) ([]Verdict, error) {
	var mu sync.Mutex
	settled := make([]bool, len(letters))
	first := r.sent
	r.sent += int64(len(letters))
	send := func() error {
		for i := range letters {
			l := &letters[i]
			number := first + int64(i)
			b := &tailer.Batch{
				Source: &tailer.Source{Flow: l.Flow, Generation: l.Generation, Path: l.File}, Data: l.Data,
				Records: []tailer.Record{{Len: uint32(len(l.Data)), Start: number, End: number, Part: l.Part}}, // #nosec G115 -- a letter is below 4 GiB
				Start:   number, End: number,
				Ack: tailer.NewAck(func() {
					mu.Lock()
					defer mu.Unlock()
					settled[i] = true
				}),
			}
			p := &pipeline.Payloads{Batch: b, Items: []pipeline.Payload{{Data: l.Data, Key: []byte(l.Key)}}}
			if err := r.destination.Put(ctx, p); err != nil {
				return err
			}
			b.Ack.Done(1)
		}
		return r.destination.Flush(ctx)
	}
	sendErr := send()
	if sendErr != nil {
		if s := r.destination.Status(); s.LastError != "" {
			sendErr = fmt.Errorf("%w (%s)", sendErr, s.LastError)
		}
		sendErr = fmt.Errorf("send dead letters: %w", sendErr)
	}
	mu.Lock()
	defer mu.Unlock()
	verdicts := make([]Verdict, len(letters))
	for i := range verdicts {
		verdicts[i].Accepted = settled[i]
	}
	return verdicts, errors.Join(sendErr, r.readRefused(first, verdicts))
}

// readRefused takes the refused of the letters from first on into the verdicts. A letter is settled only when it is in the file.
func (r *Redelivery) readRefused(first int64, verdicts []Verdict) error {
	f, err := emit.OpenLetterFile(r.refused)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	return f.Each(0, func(l *emit.StoredLetter) bool {
		if i := l.Start - first; i >= 0 && i < int64(len(verdicts)) {
			why := l.Reason
			if l.Detail != "" {
				why += ": " + l.Detail
			}
			verdicts[i] = Verdict{Refused: why}
		}
		return true
	})
}

// Close ends the destination.
func (r *Redelivery) Close() error {
	err := r.destination.Close()
	r.share.Close()
	return errors.Join(err, os.RemoveAll(r.dir))
}
