package agent

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/kinetail/kinetail/agent/config"
	"github.com/kinetail/kinetail/agent/flow"
	"github.com/kinetail/kinetail/agent/status"
)

// A flow that failed is started again after a wait that doubles from the first to the last.
const (
	firstRestart = time.Second
	lastRestart  = time.Minute
)

// onceStarts is how often a flow of --once may fail in a row, within a minute each, until that is how the run ends.
const onceStarts = 3

// supervised is one configured flow: it is built, run, and built again when it fails, until it is stopped.
type supervised struct {
	cfg      *config.Flow
	build    func(context.Context) (*flow.Flow, error)
	shutdown time.Duration
	starts   int // in a row that may fail; 0: any number
	log      *slog.Logger
	cancel   context.CancelFunc
	done     chan struct{} // closed when the flow has stopped for good

	mu      sync.Mutex
	state   string
	err     error // why the flow failed, or what it could not deliver when it was stopped
	running *flow.Flow
	retired status.Flow // what was counted by flows that ran before this one
	down    time.Time   // since when none runs, while running is nil
}

// start runs the flow in a goroutine of its own until stop, or until its sources end.
func (s *supervised) start(ctx context.Context) {
	ctx, s.cancel = context.WithCancel(ctx)
	s.done = make(chan struct{})
	s.state, s.down = status.StateStarting, time.Now()
	go func() {
		defer close(s.done)
		s.loop(ctx)
	}()
}

// stop ends the flow: what it has taken over is delivered within the shutdown time. wait returns what could not be.
func (s *supervised) stop() { s.cancel() }

func (s *supervised) wait() error {
	<-s.done
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

func (s *supervised) loop(ctx context.Context) {
	wait := firstRestart
	for failed := 1; ; failed++ {
		started := time.Now()
		err := s.once(ctx)
		if err == nil || ctx.Err() != nil {
			s.set(status.StateStopped, nil, err)
			return
		}
		if time.Since(started) > lastRestart {
			wait, failed = firstRestart, 1
		}
		s.set(status.StateFailed, nil, err)
		if failed == s.starts {
			return
		}
		pause := wait/2 + rand.N(wait/2)
		s.log.Error("the flow failed and is started again", "error", err, "in", pause.Round(time.Millisecond))
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return
		}
		wait = min(2*wait, lastRestart)
	}
}

// once builds and runs the flow until it fails, ends or is stopped. Stopped is no failure, unless something could not be delivered.
func (s *supervised) once(ctx context.Context) error {
	f, err := s.build(ctx)
	if err != nil {
		return err
	}
	s.set(status.StateRunning, f, nil)
	err = f.Run(ctx)
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		err = nil
	}
	deliver, cancel := s.deadline(ctx, f, err)
	defer cancel()
	err = errors.Join(err, f.Stop(deliver))
	s.retire(f)
	return err
}

// deadline is the context of a flow's last delivery: shutdown_timeout from the moment it is stopped, or has failed, on. A flow whose
// files have all been read to their end (--once) has all the time until it is stopped. Then destinations that take nothing have one try left.
func (s *supervised) deadline(ctx context.Context, f *flow.Flow, failed error) (context.Context, context.CancelFunc) {
	deliver, cancel := context.WithCancel(context.WithoutCancel(ctx))
	limit := func() {
		f.LastTry()
		timer := time.NewTimer(s.shutdown)
		defer timer.Stop()
		select {
		case <-timer.C:
			cancel()
		case <-deliver.Done():
		}
	}
	if failed != nil {
		go limit()
		return deliver, cancel
	}
	unhook := context.AfterFunc(ctx, limit)
	return deliver, func() { unhook(); cancel() }
}

// retire keeps what a stopped flow counted.
func (s *supervised) retire(f *flow.Flow) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.retired = sum(s.retired, f.Status(true))
	s.running, s.down = nil, time.Now()
}

func (s *supervised) set(state string, f *flow.Flow, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state, s.running, s.err = state, f, err
}
