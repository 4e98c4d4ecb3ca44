package command

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"os/user"
	"strconv"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/kinetail/kinetail/agent"
	"github.com/kinetail/kinetail/agent/config"
	"github.com/kinetail/kinetail/agent/doctor"
	"github.com/kinetail/kinetail/agent/status"
)

type doctorFlags struct {
	path, control, output, user, bundle string
	// asIs is for the child that has become the service's user: it prints findings as JSON, one on a line.
	asIs bool
}

func newDoctor() *cobra.Command {
	var f doctorFlags
	c := &cobra.Command{
		Use:   "doctor",
		Short: "Find out why nothing is arriving",
		Long: `doctor looks at everything between the log files and their destinations: the configuration, the running agent, who may read each path, the state
directory, region, credentials, names, TLS, the clock, permissions in AWS, and the kernel's limits. It says what is wrong and what to do.

Run as root it makes the checks as the service's user: that of the agent that runs, else that of the packaged unit, else the one that --user names. It changes
nothing and sends no record: whether records may be put is asked by a dry run, where the service has one. Each host that it contacts is listed.

Exit code 0 if nothing keeps records from being delivered, 1 if something does, 2 if the configuration is wrong.

With --bundle, the findings, the configuration, the agent's status and its last log lines are written to an archive for support. What looks like a secret is
removed; records and dead letters are never in it. Look at it before you give it away.`,
		Example: "  kinetail doctor\n  sudo kinetail doctor --user kinetail\n  kinetail doctor -o json | jq '.[] | select(.level == \"problem\")'\n  sudo kinetail doctor --bundle kinetail-support.tar.gz",
		Args:    noArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return runDoctor(cmd, f) },
	}
	configFlag(c, &f.path)
	outputFlag(c, &f.output)
	c.Flags().StringVar(&f.control, "control", "", "control socket of the agent, as in the agent block; default: what the configuration says")
	c.Flags().StringVar(&f.user, "user", "", "make the checks as this `USER`; default, as root: the service's. For root only")
	c.Flags().StringVar(&f.bundle, "bundle", "", "write an archive for support to this `FILE`")
	c.Flags().BoolVar(&f.asIs, "as-is", false, "")
	_ = c.Flags().MarkHidden("as-is")
	return c
}

func runDoctor(cmd *cobra.Command, f doctorFlags) error {
	ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	out := cmd.OutOrStdout()
	printer := doctor.Printer{W: out, Color: isTerminal(out) && os.Getenv("NO_COLOR") == ""}
	report := &doctor.Report{Show: func(x doctor.Finding) {
		switch {
		case f.asIs:
			_ = json.NewEncoder(out).Encode(x)
		case f.output != "json":
			printer.Print(x)
		}
	}}
	cfg, wrong := f.load(report)
	if cfg != nil {
		if f.control == "" {
			f.control = controlOf(cfg)
		}
		service, ok, err := f.service(cmd, report)
		if err != nil {
			return err
		}
		if ok {
			err = f.asService(cmd, &service, report)
		} else {
			doctor.Run(ctx, cfg, Version, f.control, report)
		}
		if err != nil {
			return err
		}
	}
	if f.output == "json" && !f.asIs {
		if err := json.NewEncoder(out).Encode(report.Findings); err != nil {
			return err
		}
	}
	if f.bundle != "" {
		if err := writeBundle(ctx, &f, report); err != nil {
			return err
		}
		_, _ = fmt.Fprintf(cmd.ErrOrStderr(), "\n%s holds the findings, the configuration and the agent's status, with secrets removed. Look at it before you give it away.\n", f.bundle)
	}
	problems, warnings := report.Count(doctor.Problem), report.Count(doctor.Warning)
	if f.output != "json" && !f.asIs {
		_, _ = fmt.Fprintf(out, "\n%s\n", verdict(problems, warnings))
	}
	switch {
	case f.asIs:
		return nil
	case wrong:
		return fmt.Errorf("%w%w", hidden{errUsage}, errPrinted)
	case problems > 0:
		return errPrinted
	}
	return nil
}

func verdict(problems, warnings int) string {
	s := "Nothing was found that keeps records from being delivered."
	if problems > 0 {
		s = counted(problems, "problem") + "."
	}
	if warnings > 0 {
		s += " " + counted(warnings, "warning") + "."
	}
	return s
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// load reads the configuration, and says whether the one on disk is wrong. Then the checks are made with the last one that ran, if there is one.
func (f *doctorFlags) load(r *doctor.Report) (cfg *config.Config, wrong bool) {
	cfg, diags := config.Load(f.path, configOptions())
	if !diags.HasErrors() {
		if !f.asIs {
			r.Add("configuration", doctor.OK, "", summary(f.path, cfg))
		}
		return cfg, false
	}
	r.Add("configuration", doctor.Problem, "correct it, and see kinetail validate", plainText(diags))
	if cfg := loadLastGood(f.path, configOptions()); cfg != nil {
		r.Add("configuration", doctor.Note, "", "what follows is about the last configuration that ran, "+agent.LastGood(cfg.Agent.StateDir))
		return cfg, true
	}
	return nil, true
}

// service is whom the checks are to be made as, if that is not this process.
func (f *doctorFlags) service(cmd *cobra.Command, r *doctor.Report) (s doctor.Service, ok bool, err error) {
	if f.asIs {
		return s, false, nil
	}
	root := os.Geteuid() == 0
	if f.user != "" {
		if !root {
			return s, false, usageError("--user is for root only: run it with sudo")
		}
		if s, err = namedUser(f.user); err != nil {
			return s, false, usageError("%w", err)
		}
		return s, true, nil
	}
	pid := 0
	if snapshot, err := status.Get(cmd.Context(), f.control); err == nil {
		pid = snapshot.PID
	}
	s, ok = doctor.FindService(pid)
	switch {
	case !ok || s.UID == os.Geteuid():
		return s, false, nil
	case !root:
		r.Add("user", doctor.Warning, "sudo kinetail doctor makes the checks as the service's user", fmt.Sprintf("the service runs as another user than this one: %s", s.From))
		return s, false, nil
	}
	r.Add("user", doctor.OK, "", "the checks are made as "+s.From+" says")
	return s, true, nil
}

func namedUser(name string) (doctor.Service, error) {
	u, err := user.Lookup(name)
	if err != nil {
		if u, err = user.LookupId(name); err != nil {
			return doctor.Service{}, fmt.Errorf("--user %s: no such user", name)
		}
	}
	s := doctor.Service{From: "--user " + name}
	s.UID, _ = strconv.Atoi(u.Uid)
	s.GID, _ = strconv.Atoi(u.Gid)
	ids, _ := u.GroupIds()
	for _, id := range ids {
		n, _ := strconv.Atoi(id)
		s.Groups = append(s.Groups, n)
	}
	return s, nil
}

// asService has the checks made by a child that is the service's user, with its environment.
func (f *doctorFlags) asService(cmd *cobra.Command, s *doctor.Service, r *doctor.Report) error {
	//nolint:noctx // it ends with its standard output, and each of its checks has a time limit; an interrupt reaches it as it reaches this process
	child := exec.Command("/proc/self/exe", "doctor", "--as-is", "--config", f.path, "--control", f.control)
	child.Args[0] = os.Args[0]
	child.SysProcAttr = s.Credentials()
	child.Env = s.Env
	child.Stderr = cmd.ErrOrStderr()
	out, err := child.StdoutPipe()
	if err != nil {
		return err
	}
	if err := child.Start(); err != nil {
		return fmt.Errorf("become user %d for the checks: %w", s.UID, err)
	}
	for dec := json.NewDecoder(out); ; {
		var x doctor.Finding
		if err := dec.Decode(&x); err != nil {
			if !errors.Is(err, io.EOF) {
				_ = child.Process.Kill()
				return errors.Join(fmt.Errorf("read the findings of the checks: %w", err), child.Wait())
			}
			break
		}
		r.Add(x.Area, x.Level, x.Do, x.Text)
	}
	if err := child.Wait(); err != nil {
		return fmt.Errorf("the checks as user %d ended early: %w", s.UID, err)
	}
	return nil
}

// bundleName is the folder in a support archive.
func bundleName(now time.Time) string {
	return "kinetail-support-" + now.UTC().Format("20060102-150405")
}
