package status

import (
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"
)

// How bad a Problem is.
const (
	Broken = "wrong" // something is not delivered, or will not survive
	Slow   = "slow"  // it is delivered, and late
	Note   = "note"  // worth knowing
)

// Problem is something that a person should know of, in words.
type Problem struct {
	Severity string `json:"severity"`
	What     string `json:"what"`
	Next     string `json:"next,omitempty"` // what to do about it
}

const (
	// lateAfter is the lag in seconds from which on it is worth telling, where the destination takes records.
	lateAfter = 60
	// growingAfter is the same where it grows.
	growingAfter = 10
	// still is how many bytes a second a lag may change by and count as neither growing nor falling.
	still = 1024
	// freshError is how young a destination's last error is if it tells why nothing is sent.
	freshError = 2 * time.Minute
	// failingAfter is from when on no request getting through is no interruption any more.
	failingAfter = time.Minute
)

// Trouble lists, in words, what keeps the agent from delivering; empty when nothing does. now is the agent's.
func (s *Snapshot) Trouble(now time.Time) []string {
	var all []string
	for _, p := range s.stopping(now) {
		all = append(all, p.What)
	}
	return all
}

// missing lists, in words, the files that cannot be read of flows that read others: no trouble of the agent as a whole.
func (s *Snapshot) missing() []string {
	var all []string
	for i := range s.Flows {
		if f := &s.Flows[i]; !f.blind() {
			if unreadable := f.Unreadable(); len(unreadable) > 0 {
				all = append(all, f.cannotRead(unreadable))
			}
		}
	}
	return all
}

// Problems is everything that is wrong or noteworthy, the worst first. now is the agent's.
func (s *Snapshot) Problems(now time.Time) []Problem {
	all := s.stopping(now)
	for i := range s.Flows {
		all = append(all, s.Flows[i].problems(now)...)
	}
	if m := s.Metrics; m != nil && m.Denied != "" {
		all = append(all, Problem{
			Note, "CloudWatch does not accept metrics: " + m.Denied,
			`allow cloudwatch:PutMetricData, or set enabled = false in metrics "cloudwatch". Delivery is not affected.`,
		})
	}
	order := []string{Broken, Slow, Note}
	sort.SliceStable(all, func(i, j int) bool {
		return slices.Index(order, all[i].Severity) < slices.Index(order, all[j].Severity)
	})
	return all
}

// stopping is what keeps the agent from delivering.
func (s *Snapshot) stopping(now time.Time) []Problem {
	var all []Problem
	if s.ConfigError != "" {
		all = append(all, Problem{
			Broken, "the configuration on disk is not in force, an older one is: " + s.ConfigError,
			"run kinetail validate, mend what it shows, and reload (systemctl reload kinetail, or SIGHUP).",
		})
	}
	if s.Store.Error != "" {
		all = append(all, Problem{
			Broken, "positions cannot be written to " + s.Store.Dir + ": " + s.Store.Error,
			"make room there, or make it writable. Records are delivered meanwhile; what is delivered now repeats if the agent is killed.",
		})
	}
	if len(s.Flows) == 0 {
		all = append(all, Problem{Note, "the agent is starting: no flow runs yet", ""})
	}
	for i := range s.Flows {
		f := &s.Flows[i]
		if f.State == StateStarting || f.State == StateFailed || f.Error != "" {
			what := "flow " + f.Name + " is " + f.State
			if f.State == StateFailed {
				what = "flow " + f.Name + " has failed"
			}
			next := ""
			if f.Error != "" {
				what += ": " + f.Error
				next = "it is started again by itself, up to a minute apart; what the message names has to be mended."
			}
			severity := Broken
			if f.State == StateStarting && f.Error == "" {
				severity = Note
			}
			all = append(all, Problem{severity, what, next})
		}
		if f.blind() {
			all = append(all, Problem{Broken, f.cannotRead(f.Unreadable()), readNext})
		}
		for j := range f.Destinations {
			d := &f.Destinations[j]
			if d.Waits != "" {
				all = append(all, Problem{
					Broken, "flow " + f.Name + " waits, for dead letters of " + d.title() + " cannot be written: " + d.Waits,
					"it goes on by itself within seconds when they can be. Nothing is lost while the files are there.",
				})
			}
			if !d.CircuitOpen {
				if d.fails(now) {
					all = append(all, Problem{
						Broken, fmt.Sprintf("flow %s: %s takes nothing since %s: %s", f.Name, d.title(), d.FailingSince.UTC().Format("15:04:05 UTC"), d.LastError),
						"it is tried again by itself, up to 30 s apart. Look at what the error names: credentials, the way there (network, proxy), the service's health page." +
							" Positions are kept: nothing is lost while the files are there.",
					})
				}
				continue
			}
			what := "flow " + f.Name + ": " + d.title() + " takes nothing"
			if d.CircuitSince != nil {
				what += " since " + d.CircuitSince.UTC().Format("15:04:05 UTC")
			}
			next := "mend what the service names; it is tried every 30 s and goes on by itself, at once with 'kinetail resume " + f.Name + "'."
			if d.CircuitHeld {
				next = "look at the refused records with 'kinetail dead-letter show " + f.Name + "' and mend their cause, or raise max_rate; then 'kinetail resume " + f.Name + "'."
			}
			all = append(all, Problem{
				Broken, what + ": " + d.CircuitReason, next + " Positions are kept: nothing is lost while the files are there.",
			})
		}
	}
	return all
}

// fails says whether no request gets through for long, with something waiting: where nothing does, nothing is tried, either.
func (d *Destination) fails(now time.Time) bool {
	return d.FailingSince != nil && d.QueuedRecords > 0 && now.Sub(*d.FailingSince) >= failingAfter
}

// title is how people know the destination.
func (d *Destination) title() string {
	if d.Metric != "" {
		kind, name, _ := strings.Cut(d.Metric, ":")
		return map[string]string{"KinesisStream": "stream ", "DeliveryStream": "delivery stream "}[kind] + name
	}
	return d.Name
}

// problems are those of a flow that runs.
func (f *Flow) problems(now time.Time) []Problem {
	var all []Problem
	explained := f.State != StateRunning
	for i := range f.Destinations {
		d := &f.Destinations[i]
		p := d.problem(f, now)
		explained = explained || d.CircuitOpen || d.fails(now) || d.Waits != "" || p != nil && p.Severity != Note
		if p != nil {
			all = append(all, *p)
		}
		if n := d.Counters["RecordsDeadLettered"]; n > 0 {
			all = append(all, Problem{
				Note, fmt.Sprintf("flow %s: %d records for %s became dead letters since the start", f.Name, n, d.title()),
				"kinetail dead-letter list says which are still there; kinetail dead-letter show " + f.Name + " says why; kinetail dead-letter send " + f.Name + " sends them again.",
			})
		}
	}
	if f.LagSeconds >= lateAfter && !explained {
		all = append(all, Problem{
			Slow, "flow " + f.Name + " is " + Age(f.LagSeconds) + " behind, " + f.trend(),
			"if it does not fall: is memory_limit or max_requests small for what is written, or a step slow? kinetail tap " + f.Name + " shows what goes through.",
		})
	}
	if f.NoFiles() {
		all = append(all, Problem{
			Note, "flow " + f.Name + " follows no file: nothing that it may read matches its paths",
			"files that come are picked up by themselves. If there should be some, kinetail doctor says what is there instead.",
		})
	}
	if unreadable := f.Unreadable(); len(unreadable) > 0 && !f.blind() {
		all = append(all, Problem{Broken, f.cannotRead(unreadable), readNext})
	}
	if f.FileGaps > 0 {
		all = append(all, Problem{
			Note, fmt.Sprintf("flow %s: %s were lost in %d places before they could be read", f.Name, Size(f.GapBytes), f.FileGaps),
			"the agent's log names file and bytes. Keep rotated files longer than an outage lasts, and rotate by renaming rather than copytruncate.",
		})
	}
	return all
}

// readNext is what to do about files that cannot be read.
const readNext = "kinetail doctor says which right is missing; it is tried again by itself."

// cannotRead says which.
func (f *Flow) cannotRead(unreadable []string) string {
	switch n := len(unreadable); {
	case f.blind() && n > 1:
		return fmt.Sprintf("flow %s can read none of its %d files: %s", f.Name, n, unreadable[0])
	case n > 1:
		return fmt.Sprintf("flow %s: %d files cannot be read; %s", f.Name, n, unreadable[0])
	}
	return "flow " + f.Name + ": a file cannot be read: " + unreadable[0]
}

// NoFiles says whether the flow has looked for files and found none, not even one that cannot be read.
func (f *Flow) NoFiles() bool {
	return f.State != StateFailed && f.Looks > 1 && f.FilesFollowed == 0 && len(f.Unreadable()) == 0
}

// blind says whether there are files that cannot be read, and no others: then nothing of the flow can be delivered.
func (f *Flow) blind() bool {
	broken := 0
	for i := range f.Files {
		if f.Files[i].Broken() && f.Files[i].State != StateGone {
			broken++
		}
	}
	return f.FilesFollowed == broken && len(f.Unreadable()) > 0
}

// Unreadable are the files that should be followed and cannot be read, each with the reason.
func (f *Flow) Unreadable() []string {
	var all []string
	add := func(path, why string) {
		if !strings.Contains(why, path) {
			why = path + ": " + why
		}
		all = append(all, why)
	}
	for i := range f.Files {
		if file := &f.Files[i]; file.Broken() {
			add(file.Path, file.State)
		}
	}
	for _, skipped := range f.Skipped {
		if skipped.Failed {
			add(skipped.Path, skipped.Reason)
		}
	}
	return all
}

// Broken says whether the file cannot be read now.
func (f *File) Broken() bool {
	return f.State != "following" && f.State != "drained" && f.State != "final"
}

// problem is what is wrong with a destination whose circuit is closed.
func (d *Destination) problem(f *Flow, now time.Time) *Problem {
	r := d.Recent
	if d.CircuitOpen || r == nil || d.fails(now) {
		return nil
	}
	fresh := d.LastErrorTime != nil && now.Sub(*d.LastErrorTime) < freshError
	switch {
	case r.Records == 0 && d.QueuedRecords > 0 && fresh:
		return &Problem{
			Broken, "flow " + f.Name + ": " + d.title() + " has taken nothing for " + Age(r.Seconds) + ": " + d.LastError,
			"it is tried again by itself, without end. Look at the way there (network, proxy, the service's health page).",
		}
	case r.Throttled > 0 && (f.LagSeconds >= lateAfter || f.LagSeconds >= growingAfter && f.LagTrend > still):
		next := "give the stream more shards (kinetail plan says how many), or pack more into each record: aggregate = \"kpl\"."
		if d.Kind == "firehose" {
			next = "ask for a higher quota of the delivery stream, or pack more into each record: aggregate = \"lines\"."
		}
		return &Problem{Slow, fmt.Sprintf("flow %s: %s refuses records for the rate (%s in the last minute); it is %s behind, %s",
			f.Name, d.title(), Grouped(r.Throttled), Age(f.LagSeconds), f.trend()), next}
	case r.Throttled > 0:
		return &Problem{Note, fmt.Sprintf("flow %s: %s refused %s records for the rate in the last minute, and it keeps up", f.Name, d.title(), Grouped(r.Throttled)), ""}
	}
	return nil
}

// trend says in words where the lag goes.
func (f *Flow) trend() string {
	switch {
	case f.LagTrend > still:
		return "growing by " + Size(int64(f.LagTrend)) + "/s"
	case f.LagTrend < -still:
		return "caught up in about " + Age(float64(f.LagBytes)/-f.LagTrend)
	}
	return "neither growing nor falling"
}

// Age is a time in seconds for people: two units at most.
func Age(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second))
	switch {
	case d <= 0:
		return "0 s"
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < 10*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < 10*time.Minute:
		return strings.TrimSuffix(fmt.Sprintf("%d min %d s", int(d.Minutes()), int(d.Seconds())%60), " 0 s")
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return strings.TrimSuffix(fmt.Sprintf("%d h %d min", int(d.Hours()), int(d.Minutes())%60), " 0 min")
	}
	return fmt.Sprintf("%d days", int(d.Hours())/24)
}

// Grouped is a number with commas between its thousands.
func Grouped(n int64) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0 && text[i-1] != '-'; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// Size is a number of bytes for people.
func Size(n int64) string {
	const units = "KMGTPE"
	if n < 1024 {
		return fmt.Sprintf("%d B", max(0, n))
	}
	v, i := float64(n)/1024, 0
	for v >= 1023.5 && i < len(units)-1 {
		v, i = v/1024, i+1
	}
	if v < 10 {
		return fmt.Sprintf("%.1f %ciB", v, units[i])
	}
	return fmt.Sprintf("%.0f %ciB", v, units[i])
}
