package agent

import (
	"context"
	"fmt"
	"os"

	"github.com/kinetail/kinetail/agent/config"
	"github.com/kinetail/kinetail/agent/flow"
	"github.com/kinetail/kinetail/emit"
	"github.com/kinetail/kinetail/emit/lane"
	"github.com/kinetail/kinetail/emit/local"
	"github.com/kinetail/kinetail/pipeline"
	"github.com/kinetail/kinetail/tailer"
	"github.com/kinetail/kinetail/tailer/frame"
	"github.com/kinetail/kinetail/tailer/memory"
	"github.com/kinetail/kinetail/tailer/pipe"
)

// build makes a flow of the configuration whole: destinations first, then what feeds them. On an error nothing is left open.
func (a *Agent) build(ctx context.Context, whole *config.Config, cfg *config.Flow) (*flow.Flow, error) {
	b := &builder{a: a, whole: whole, cfg: cfg, share: a.budget.Share()}
	f := &flow.Flow{Name: cfg.Name, Log: a.log.With("flow", cfg.Name), Pace: a.pace, Close: b.share.Close}
	err := b.outputs(ctx, f)
	if err == nil {
		err = b.sources(f)
	}
	if err != nil {
		b.undo(f)
		return nil, err
	}
	if a.store != nil {
		f.Commit = a.store.Sync
	}
	return f, nil
}

type builder struct {
	a     *Agent
	whole *config.Config
	cfg   *config.Flow
	share *memory.Share
}

func (b *builder) undo(f *flow.Flow) {
	for _, o := range f.Outputs {
		_ = o.Destination.Close()
	}
	for _, s := range f.Sources {
		_ = s.Close()
	}
	b.share.Close()
}

func (b *builder) outputs(ctx context.Context, f *flow.Flow) error {
	var encoders []*pipeline.Encoder
	for _, e := range b.cfg.Emits {
		encoder, err := b.whole.NewEncoder(e, hostname())
		if err != nil {
			return fmt.Errorf("emit %q: %w", e.Name, err)
		}
		d, err := b.destination(ctx, e)
		if err != nil {
			return fmt.Errorf("emit %q: %w", e.Name, err)
		}
		f.Outputs = append(f.Outputs, &flow.Output{Encoder: encoder, Destination: d})
		encoders = append(encoders, encoder)
	}
	return b.steps(f, encoders)
}

// steps makes the flow's pipeline. A flow without steps has none: its encoders take the batches as they are.
func (b *builder) steps(f *flow.Flow, encoders []*pipeline.Encoder) error {
	hub := b.a.hub(b.cfg.Name)
	hub.Use(tapped(b.cfg))
	if len(b.cfg.Steps) == 0 {
		f.Tap = hub.Lines
		return nil
	}
	steps, err := b.cfg.NewSteps(nil)
	if err != nil {
		return err
	}
	p, err := pipeline.New(steps, encoders, pipeline.Options{Host: hostname(), Observe: hub.Observe})
	if err != nil {
		return fmt.Errorf("flow %q: %w", b.cfg.Name, err)
	}
	f.Steps = p
	return nil
}

func (b *builder) destination(ctx context.Context, e *config.Emit) (emit.Destination, error) {
	log := b.a.log.With("flow", b.cfg.Name)
	if b.a.opts.DryRun {
		return newDryRun(b.a.opts.Output, b.cfg.Name, e), nil
	}
	letters := emit.NewDeadLetters(emit.DeadLetterOptions{
		StateDir: b.a.opts.Config.Agent.StateDir, Flow: b.cfg.Name, Destination: e.Name,
		MaxSize: e.DeadLetter.MaxSize, Drop: e.DeadLetter.OnFull == "drop", Log: log,
	})
	localOptions := local.Options{Name: e.Name, Delimiter: e.Delimiter, DeadLetters: letters, Logger: log}
	switch e.Kind {
	case "stdout":
		return local.NewStdout(b.a.opts.Output, localOptions)
	case "file":
		return local.NewFile(e.Path, localOptions), nil
	}
	return b.a.join(ctx, e, lane.PortOptions{
		Flow: b.cfg.Name, Name: e.Name, MaxRefused: e.DeadLetter.MaxRate, Age: b.cfg.Tail.PollInterval, Memory: b.share, DeadLetters: letters, Log: b.a.log,
	})
}

func (b *builder) framing() frame.Options {
	t := &b.cfg.Tail
	framing := frame.Options{
		MaxRecordSize: t.MaxRecordSize, OnOversize: t.OnOversize, KeepCR: t.KeepCR, Format: t.Format, Encoding: t.Encoding,
		SkipHeaderLines: t.SkipHeaderLines,
	}
	if m := t.Multiline; m != nil {
		framing.Multiline = &frame.Multiline{Start: m.Start, Continue: m.Continue, End: m.End, Indent: m.Indent, Timeout: m.Timeout}
	}
	return framing
}

func (b *builder) sources(f *flow.Flow) error {
	t, framing := &b.cfg.Tail, b.framing()
	if b.a.opts.Stdin == b.cfg.Name {
		return b.add(f, pipe.Options{Flow: b.cfg.Name, Input: b.a.opts.In, Header: t.Header}, framing)
	}
	for _, path := range t.Pipes {
		if err := b.add(f, pipe.Options{Flow: b.cfg.Name, Path: path}, framing); err != nil {
			return err
		}
	}
	if len(t.Paths) == 0 {
		return nil
	}
	framer, err := frame.New(framing)
	if err != nil {
		return err
	}
	if b.a.store != nil && b.cfg.RenamedFrom != "" {
		if err := b.rename(); err != nil {
			return err
		}
	}
	follower, err := tailer.Open(tailer.Options{
		Flow: b.cfg.Name, Paths: t.Paths, Exclude: t.Exclude, Rotated: t.Rotated, StartAt: t.StartAt, Framer: framer, Header: t.Header,
		MaxUnacked: b.maxUnacked(), Once: b.a.opts.Once, PollInterval: t.PollInterval, ForgetAfter: t.ForgetAfter,
		IgnoreOlder: t.IgnoreOlder, OnAmbiguous: t.OnAmbiguous, Symlinks: t.Symlinks, HardLinks: t.HardLinks, HoldDeleted: tailer.HoldDeleted(t.HoldDeleted),
		Store: b.a.store, Watcher: b.a.watcher, Memory: b.share, Log: b.a.log,
	})
	if err != nil {
		return err
	}
	f.Sources = append(f.Sources, follower)
	return nil
}

// add adds a pipe or standard input.
func (b *builder) add(f *flow.Flow, o pipe.Options, framing frame.Options) error {
	framer, err := frame.New(framing)
	if err != nil {
		return err
	}
	o.Framer, o.Memory, o.Log = framer, b.share, b.a.log
	source, err := pipe.Open(o)
	if err != nil {
		return err
	}
	f.Sources = append(f.Sources, source)
	return nil
}

// rename takes over what is remembered under the flow's former name, unless the flow has positions of its own.
func (b *builder) rename() error {
	known, err := b.a.store.Load(b.cfg.Name)
	if err != nil || len(known) > 0 {
		return err
	}
	old, err := b.a.store.Load(b.cfg.RenamedFrom)
	if err != nil || len(old) == 0 {
		return err
	}
	return b.a.store.RenameFlow(b.cfg.RenamedFrom, b.cfg.Name)
}

// maxUnacked is the smallest of the flow's emit blocks; 0 where none names it.
func (b *builder) maxUnacked() int64 {
	least := int64(0)
	for _, e := range b.cfg.Emits {
		if e.MaxUnacked > 0 && (least == 0 || e.MaxUnacked < least) {
			least = e.MaxUnacked
		}
	}
	return least
}

func hostname() string {
	name, err := os.Hostname()
	if err != nil {
		return ""
	}
	return name
}
