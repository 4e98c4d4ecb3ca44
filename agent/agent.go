package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"reflect"
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/kinetail/kinetail/agent/config"
	"github.com/kinetail/kinetail/agent/flow"
	"github.com/kinetail/kinetail/agent/metadata"
	"github.com/kinetail/kinetail/agent/status"
	"github.com/kinetail/kinetail/agent/tap"
	"github.com/kinetail/kinetail/tailer"
	"github.com/kinetail/kinetail/tailer/checkpoint"
	"github.com/kinetail/kinetail/tailer/memory"
)

// Options are for New.
type Options struct {
	// Config is the configuration in force at the start. ConfigError says why it is not the one on disk, if so.
	Config      *config.Config
	ConfigError string
	Version     string
	// Once ends the agent when all files have been read to their end and everything is delivered.
	Once bool
	// Stdin names a flow whose files are replaced by standard input.
	Stdin string
	// Rate is how many bytes of log all flows together read in a second; 0 is no bound.
	Rate int64
	// DryRun prints what would be sent to Output, and neither sends nor remembers anything.
	DryRun bool
	In     *os.File
	Output *os.File
	// Metadata is what the configuration was loaded with; nil if it knows nothing of its surroundings.
	Metadata *metadata.Store
	Log      *slog.Logger
}

// Agent runs the flows of a configuration.
type Agent struct {
	opts    Options
	log     *slog.Logger
	store   *checkpoint.Store // nil in a dry run
	budget  *memory.Budget    // of what is read and queued
	bodies  *memory.Budget    // of requests in flight
	watcher *tailer.Watcher
	pace    *rate.Limiter // of what is read; nil: there is no bound
	started time.Time

	pulse  pulse
	shared shared

	changing sync.Mutex // held by whoever starts and stops flows; taken before mu

	mu          sync.Mutex // guards what follows
	cfg         *config.Config
	configError string
	flows       []*supervised
	removed     removed             // flows that are no more
	hubs        map[string]*tap.Hub // by the names of flows
	publishing  *publishing         // nil: nothing goes to CloudWatch
	reloaded    *status.Reload      // the last one
}

// New takes the state directory and prepares, but starts nothing. Close must be called.
func New(o Options) (*Agent, error) {
	a := &Agent{
		opts: o, log: o.Log, cfg: o.Config, configError: o.ConfigError, started: time.Now(), removed: removed{},
		budget: memory.New(o.Config.Agent.QueueMemory()), bodies: memory.New(o.Config.Agent.BodyMemory()),
	}
	if !o.DryRun {
		store, err := checkpoint.Open(o.Config.Agent.StateDir, checkpoint.Options{Log: o.Log})
		if err != nil {
			return nil, err
		}
		a.store = store
	}
	a.watcher = tailer.NewWatcher(o.Log)
	if o.Rate > 0 {
		a.pace = rate.NewLimiter(rate.Limit(o.Rate), int(max(1, o.Rate/10)))
	}
	return a, nil
}

// Close commits the offsets and gives the state directory back. Run must have returned.
func (a *Agent) Close() error {
	err := a.watcher.Close()
	if a.store == nil {
		return err
	}
	if failed := a.store.Close(); failed != nil {
		err = errors.Join(err, fmt.Errorf("what was delivered is not remembered, and is delivered again at the next start: make room in %s, or make it writable: %w",
			a.opts.Config.Agent.StateDir, failed))
	}
	return err
}

// Run starts the flows and returns when ctx has ended and all are stopped, or, with Once, when all have delivered everything. The
// error says what was not delivered.
func (a *Agent) Run(ctx context.Context) error {
	a.changing.Lock()
	a.startMetadata(ctx, a.cfg)
	if a.opts.Metadata != nil {
		defer a.opts.Metadata.Close()
	}
	var flows []*supervised
	for _, f := range a.cfg.Flows {
		flows = append(flows, a.supervise(ctx, a.cfg, f, nil))
	}
	a.set(a.cfg, a.configError, flows)
	a.startMetrics(ctx, a.cfg, nil)
	a.changing.Unlock()
	if !a.opts.Once {
		<-ctx.Done()
	}
	a.changing.Lock() // a reload that is under way ends first
	defer a.changing.Unlock()
	defer a.stopMetrics(ctx)
	var errs []error
	for _, f := range a.flows {
		if err := f.wait(); err != nil {
			errs = append(errs, fmt.Errorf("flow %q: %w", f.cfg.Name, err))
		}
	}
	return errors.Join(errs...)
}

// supervise starts a flow of a configuration; before is the one of the same name that it replaces, or nil.
func (a *Agent) supervise(ctx context.Context, whole *config.Config, cfg *config.Flow, before *supervised) *supervised {
	s := &supervised{
		cfg:      cfg,
		shutdown: a.opts.Config.Agent.ShutdownTimeout,
		log:      a.log.With("flow", cfg.Name),
		starts:   map[bool]int{true: onceStarts}[a.opts.Once],
		build:    func(ctx context.Context) (*flow.Flow, error) { return a.build(ctx, whole, cfg) },
	}
	if before != nil {
		s.retired = before.total(true)
	} else {
		a.mu.Lock()
		s.retired = a.removed.take(cfg.Name)
		a.mu.Unlock()
	}
	s.start(ctx)
	return s
}

// Reload puts a new configuration in force: unchanged flows go on untouched, changed ones deliver what they have and start again where
// they were, removed ones stop. What can't be changed while running is an error, and then nothing is changed. ctx is the agent's.
func (a *Agent) Reload(ctx context.Context, cfg *config.Config) (status.Reload, error) {
	a.changing.Lock()
	defer a.changing.Unlock()
	if err := fixed(&a.cfg.Agent, &cfg.Agent); err != nil {
		return status.Reload{}, err
	}
	old := map[string]*supervised{}
	for _, f := range a.flows {
		old[f.cfg.Name] = f
	}
	var c status.Reload
	var flows []*supervised
	var replaced []*config.Flow
	for _, f := range cfg.Flows {
		before := old[f.Name]
		if before == nil {
			c.Added = append(c.Added, f.Name)
			replaced = append(replaced, f)
			continue
		}
		if before.cfg.Digest == f.Digest {
			c.Kept = append(c.Kept, f.Name)
			flows = append(flows, before)
			delete(old, f.Name)
			continue
		}
		c.Restarted = append(c.Restarted, f.Name)
		replaced = append(replaced, f)
	}
	// What cannot be built is seen before anything is stopped for it.
	for _, f := range replaced {
		if err := a.check(ctx, cfg, f); err != nil {
			return status.Reload{}, fmt.Errorf("flow %q: %w", f.Name, err)
		}
	}
	a.startMetadata(ctx, cfg)
	for _, f := range old {
		f.stop()
	}
	for name, f := range old {
		if err := f.wait(); err != nil {
			a.log.Warn("a flow was stopped for the new configuration before everything was delivered", "flow", name, "error", err)
		}
	}
	// Only now: a renamed flow goes on with the state of one that must have stopped.
	for _, f := range replaced {
		before := old[f.Name]
		flows = append(flows, a.supervise(ctx, cfg, f, before))
		delete(old, f.Name)
	}
	a.mu.Lock()
	for name, f := range old {
		c.Removed = append(c.Removed, name)
		a.removed.add(name, f.total(false), a.publishing != nil)
	}
	a.mu.Unlock()
	slices.Sort(c.Removed)
	before := a.cfg
	a.set(cfg, "", flows)
	c.Time = time.Now()
	a.mu.Lock()
	a.reloaded = &c
	a.mu.Unlock()
	if publishes(before) != publishes(cfg) || !reflect.DeepEqual(before.Metrics, cfg.Metrics) {
		a.startMetrics(ctx, cfg, a.stopMetrics(ctx))
	}
	return c, nil
}

func (a *Agent) set(cfg *config.Config, configError string, flows []*supervised) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.cfg, a.configError, a.flows = cfg, configError, flows
}

// fixed reports what of the agent block can't be changed without a restart.
func fixed(old, now *config.Agent) error {
	var errs []error
	for _, c := range []struct {
		name     string
		was, now any
	}{
		{"state_dir", old.StateDir, now.StateDir},
		{"listen", old.Listen, now.Listen},
		{"page", old.Page, now.Page},
		{"control", old.Control, now.Control},
		{"log_format", old.LogFormat, now.LogFormat},
		{"memory_limit", old.MemoryLimit, now.MemoryLimit},
		{"shutdown_timeout", old.ShutdownTimeout, now.ShutdownTimeout},
	} {
		if c.was != c.now {
			errs = append(errs, fmt.Errorf("agent.%s can't be changed from %v to %v while running: restart kinetail for that", c.name, c.was, c.now))
		}
	}
	return errors.Join(errs...)
}

// RejectedConfig remembers that the configuration on disk is not the one in force, and why.
func (a *Agent) RejectedConfig(why string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.configError = why
	a.reloaded = &status.Reload{Time: time.Now(), Error: why}
}

// Snapshot is the agent's state now. Safe for concurrent use.
func (a *Agent) Snapshot() *status.Snapshot { return a.snapshot(true) }

// Summary is Snapshot with only the files that cannot be read, for those who look often. Safe for concurrent use.
func (a *Agent) Summary() *status.Snapshot { return a.snapshot(false) }

func (a *Agent) snapshot(files bool) *status.Snapshot {
	a.mu.Lock()
	flows, configError, metrics, reloaded := a.flows, a.configError, a.metricsStatus(), a.reloaded
	a.mu.Unlock()
	s := &status.Snapshot{Version: a.opts.Version, PID: os.Getpid(), Started: a.started, ConfigError: configError, Metrics: metrics, Reload: reloaded}
	if a.store != nil {
		st := a.store.Stats()
		s.Store = status.Store{Dir: a.opts.Config.Agent.StateDir, Errors: st.Errors}
		if st.Err != nil {
			s.Store.Error = st.Err.Error()
		}
	}
	for _, f := range flows {
		s.Flows = append(s.Flows, f.total(files))
	}
	return s
}
