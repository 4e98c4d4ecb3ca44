package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"github.com/kinetail/kinetail/agent"
	"github.com/kinetail/kinetail/agent/config"
	"github.com/kinetail/kinetail/agent/metadata"
	"github.com/kinetail/kinetail/agent/status"
	"github.com/kinetail/kinetail/agent/systemd"
)

// reportEvery is the time between two log lines that say what was delivered and how far behind it is.
const reportEvery = 30 * time.Second

type runFlags struct {
	path   string
	once   bool
	dryRun bool
	stdin  string
	rate   string
	// inspect shows what each step does to the lines of standard input.
	inspect  bool
	metadata *metadata.Store
	level    *slog.LevelVar // of the agent's log
	hangup   chan os.Signal // SIGHUP
}

// done is what became of the records that the log reports.
func (f runFlags) done() string {
	if f.dryRun {
		return "would be delivered; nothing was sent, nothing is remembered"
	}
	return "delivered"
}

func newRun() *cobra.Command {
	var f runFlags
	c := &cobra.Command{
		Use:   "run",
		Short: "Follow the configured files and deliver their lines",
		Long: `run follows the configured files and delivers their lines until it is told to stop.

SIGTERM or SIGINT: deliver what was read and commit the offsets within shutdown_timeout; exit 0, or 1 if something was not delivered, which is read again
at the next start. A second one exits at once.
SIGHUP: reload the configuration. Unchanged flows are not touched; with a wrong configuration the old one stays in force.

With --once, files are read from the beginning (or from where an earlier run had got to), delivered to their end, and kinetail
exits: with 1 if a file could not be read, or something was not delivered. A last line without its line end is left for a later run. With --dry-run, what would be sent is printed; nothing is sent, and
no offset is read or written. With --dry-run --inspect, the lines of standard input are shown after each step of a flow, and nothing is followed.`,
		Example: `  kinetail run                                  # /etc/kinetail/
  kinetail run -c kinetail.hcl
  kinetail run -c kinetail.hcl --once
  kinetail run -c kinetail.hcl --once --rate 5MiB   # and leave some of the stream to others
  kinetail run -c kinetail.hcl --dry-run --once
  kinetail run -c kinetail.hcl --dry-run --inspect < sample.log
  zcat old.log.gz | kinetail run -c kinetail.hcl --stdin nginx`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return run(cmd, f) },
	}
	configFlag(c, &f.path)
	c.Flags().BoolVar(&f.once, "once", false, "read all files to their end, deliver, and exit")
	c.Flags().BoolVar(&f.dryRun, "dry-run", false, "print what would be sent; send nothing, keep no offsets")
	c.Flags().StringVar(&f.stdin, "stdin", "", "read standard input instead of the files of this `FLOW`, and exit at its end")
	c.Flags().StringVar(&f.rate, "rate", "", "read at most `SIZE` of log in a second, all flows together, for example 5MiB")
	c.Flags().BoolVar(&f.inspect, "inspect", false, "with --dry-run: show what each step does to the lines of standard input; --stdin names the flow if there are several")
	return c
}

// configFlag adds -c.
func configFlag(c *cobra.Command, path *string) {
	c.Flags().StringVarP(path, "config", "c", DefaultConfig, "configuration: a `FILE`, or a directory of *.hcl files")
}

func run(cmd *cobra.Command, f runFlags) error {
	if f.inspect {
		return inspect(cmd, f)
	}
	out, _ := cmd.OutOrStdout().(*os.File)
	in, _ := cmd.InOrStdin().(*os.File)
	if out == nil {
		out = os.Stdout
	}
	if in == nil {
		in = os.Stdin
	}
	var rate int64
	if f.rate != "" {
		var err error
		if rate, err = config.ParseSize(f.rate); err != nil {
			return usageError("--rate: %w", err)
		}
		if rate == 0 {
			return usageError("--rate: nothing would be read; leave it out for no bound")
		}
	}
	f.metadata = &metadata.Store{}
	f.hangup = make(chan os.Signal, 1)
	signal.Notify(f.hangup, syscall.SIGHUP) // from now on: it would end a process that has just begun
	defer signal.Stop(f.hangup)
	cfg, configError, err := loadToRun(cmd, f)
	if err != nil {
		return err
	}
	if f.stdin != "" {
		if cfg, err = onlyFlow(cfg, f.stdin); err != nil {
			return err
		}
	}
	log, level := newLogger(cmd.ErrOrStderr(), &cfg.Agent)
	f.level = level
	if configError != "" {
		log.Error("the configuration is wrong; the last one that ran is used instead", "config", f.path, "problems", configError)
	}

	m := newManager(f, log)
	defer m.close()
	ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	context.AfterFunc(ctx, func() {
		stop() // a second signal ends the process the hard way
		log.Info("stopping: delivering what was read", "timeout", cfg.Agent.ShutdownTimeout)
		m.stopping(cfg.Agent.ShutdownTimeout)
	})

	boundHeap(cfg.Agent.MemoryLimit)
	a, err := agent.New(agent.Options{
		Config: cfg, ConfigError: configError, Version: Version,
		Once: f.once || f.stdin != "", Stdin: f.stdin, Rate: rate, DryRun: f.dryRun,
		In: in, Output: out, Metadata: f.metadata, Log: log,
	})
	if err != nil {
		return err
	}
	// An error while closing matters: offsets may not be durable.
	err = runAgent(ctx, cmd, f, a, cfg, m, log)
	return errors.Join(err, a.Close())
}

// onlyFlow is the configuration with one flow of it.
func onlyFlow(cfg *config.Config, name string) (*config.Config, error) {
	for _, f := range cfg.Flows {
		if f.Name == name {
			one := *cfg
			one.Flows = []*config.Flow{f}
			return &one, nil
		}
	}
	return nil, noFlow(cfg, "--stdin", name)
}

// noFlow says that a flag names a flow that is not there.
func noFlow(cfg *config.Config, flag, name string) error {
	var names []string
	for _, f := range cfg.Flows {
		names = append(names, f.Name)
	}
	return usageError("%s %s: no flow %q in the configuration; there is %s", flag, name, name, strings.Join(names, ", "))
}

func runAgent(ctx context.Context, cmd *cobra.Command, f runFlags, a *agent.Agent, cfg *config.Config, m *manager, log *slog.Logger) error {
	log.Info("kinetail starts", "version", Version, "config", f.path, "flows", len(cfg.Flows), "state_dir", cfg.Agent.StateDir)
	if a.Summary().ConfigError == "" {
		rememberGood(log, f, cfg)
	}
	history := &status.History{}
	defer listen(f, a, cfg, history, log)()
	helpers, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var running sync.WaitGroup
	running.Go(func() { watch(helpers, ctx, cmd, f, a, m, log) })
	running.Go(func() { m.follow(helpers, a) })
	if !f.dryRun && !f.once {
		running.Go(func() { history.Record(helpers, a.Summary) })
	}
	started := a.Summary()
	err := a.Run(ctx)
	cancel()
	running.Wait()
	agent.Report(log, f.done(), started, a.Summary())
	if err == nil && f.once {
		return unfinished(a, log)
	}
	return err
}

// watch reports every 30 s, draws progress, and reloads on SIGHUP, until helpers ends. running is the context of the flows.
func watch(helpers, running context.Context, cmd *cobra.Command, f runFlags, a *agent.Agent, m *manager, log *slog.Logger) {
	report := time.NewTicker(reportEvery)
	defer report.Stop()
	line := newLiveLine(cmd.ErrOrStderr())
	if !f.once || f.dryRun {
		line = newLiveLine(io.Discard)
	}
	var draw <-chan time.Time // never, where there is nothing to draw on: a quiet host wakes nobody up
	if line.terminal {
		tick := time.NewTicker(200 * time.Millisecond)
		defer tick.Stop()
		draw = tick.C
	}
	started := time.Now()
	before, wasQuiet := a.Summary(), false
	begun := time.NewTimer(settled)
	defer begun.Stop()
	for {
		select {
		case <-helpers.Done():
			if line.terminal {
				line.set("%s", onceProgress(a.Snapshot(), started))
			}
			line.done()
			return
		case <-report.C:
			now := a.Summary()
			agent.Report(log, f.done(), before, now)
			agent.Remind(log, now)
			quiet := sent(now) == sent(before)
			if quiet {
				giveBack(!wasQuiet) // what the last burst, or the start, took
			}
			wasQuiet = quiet
			before = now
		case <-begun.C:
			forgetPages()
		case <-draw:
			line.set("%s", onceProgress(a.Snapshot(), started))
		case <-f.hangup:
			if running.Err() == nil {
				m.reloading()
				reload(running, f, a, log)
				m.ready()
			}
		}
	}
}

func reload(ctx context.Context, f runFlags, a *agent.Agent, log *slog.Logger) {
	cfg, diags := config.Load(f.path, runOptions(f.metadata))
	if diags.HasErrors() {
		text := plainText(diags)
		log.Error("reload: the new configuration is wrong; the old one stays in force", "config", f.path, "problems", text)
		a.RejectedConfig(text)
		return
	}
	log.Info("reloading: what has changed is stopped first, which may take shutdown_timeout where a destination is slow",
		"config", f.path, "shutdown_timeout", cfg.Agent.ShutdownTimeout)
	change, err := a.Reload(ctx, cfg)
	if err != nil {
		log.Error("reload: the old configuration stays in force", "config", f.path, "error", err)
		a.RejectedConfig(err.Error())
		return
	}
	rememberGood(log, f, cfg)
	setLevel(f.level, cfg.Agent.LogLevel)
	log.Info("reloaded", "config", f.path, "kept", change.Kept, "restarted", change.Restarted, "added", change.Added, "removed", change.Removed)
}

// onceProgress is the progress bar of --once.
func onceProgress(s *status.Snapshot, started time.Time) string {
	var size, committed int64
	for _, f := range s.Flows {
		for _, file := range f.Files {
			size += file.Size
			committed += file.Committed
		}
	}
	share := 1.0
	if size > 0 {
		share = float64(committed) / float64(size)
	}
	rate := float64(committed) / max(0.001, time.Since(started).Seconds())
	return fmt.Sprintf("%s %3.0f%%  %s of %s delivered, %s/s", bar(share), 100*share,
		humanize.IBytes(uint64(committed)), humanize.IBytes(uint64(size)), humanize.IBytes(uint64(rate)))
}

// unfinished says what --once has left: lines that have no end yet, which are no failure, and files that cannot be read, which are one.
func unfinished(a *agent.Agent, log *slog.Logger) error {
	var unreadable []string
	for _, f := range a.Snapshot().Flows {
		unreadable = append(unreadable, f.Unreadable()...)
		if f.NoFiles() {
			log.Warn("no file matches the flow's paths: nothing was read (kinetail doctor says what is there instead)", "flow", f.Name)
		}
		for _, file := range f.Files {
			if left := file.Size - file.Committed; left > 0 && !file.Broken() {
				log.Warn("the last line has no line end; it is left for a later run", "flow", f.Name, "path", file.Path, "bytes", left)
			}
		}
	}
	switch len(unreadable) {
	case 0:
		return nil
	case 1:
		return fmt.Errorf("a file could not be read: %s (see 'kinetail doctor')", unreadable[0])
	}
	return fmt.Errorf("%d files could not be read, the first: %s (see 'kinetail doctor')", len(unreadable), unreadable[0])
}

// newLogger writes structured logs for people or for programs, from a level on that can be changed.
func newLogger(w io.Writer, a *config.Agent) (*slog.Logger, *slog.LevelVar) {
	level := new(slog.LevelVar)
	setLevel(level, a.LogLevel)
	options := &slog.HandlerOptions{Level: level}
	switch {
	case a.LogFormat == "json":
		return slog.New(slog.NewJSONHandler(w, options)), level
	case systemd.IsJournal(w):
		return slog.New(systemd.NewHandler(w, level)), level
	}
	return slog.New(slog.NewTextHandler(w, options)), level
}

// setLevel takes the configuration's name of a level.
func setLevel(to *slog.LevelVar, name string) {
	if err := to.UnmarshalText([]byte(strings.ToUpper(name))); err != nil {
		to.Set(slog.LevelInfo)
	}
}
