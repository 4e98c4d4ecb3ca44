package status

import (
	"maps"
	"slices"
	"strings"
	"unicode"
)

var (
	descInfo        = ours("build_info", "1, with the version.", "version")
	descConfigError = ours("config_errors", "1 while the configuration on disk is wrong and an older one is in force.")
	descStoreErrors = ours("checkpoint_errors_total", "Commits of offsets that failed.")
	descFlowUp      = ours("flow_running", "1 while the flow runs.", "flow")
	descLagBytes    = ours("lag_bytes", "Bytes in followed files that not all destinations have acknowledged.", "flow")
	descLagSeconds  = ours("lag_seconds", "Age of the oldest byte not acknowledged.", "flow")
	descFiles       = ours("files_followed", "Generations of files that are followed.", "flow")
	descGapBytes    = ours("gap_bytes_total", "Bytes known to be lost before they could be read.", "flow")
	descFileGaps    = ours("file_gaps_total", "Places where bytes were lost before they could be read.", "flow")
	descLateBytes   = ours("late_bytes_total", "Bytes that came to a file after a newer one had been started.", "flow")
	descRefused     = ours("files_refused_total", "Files not read for the sake of safety.", "flow")
	descDropped     = ours("records_filtered_total", "Records that a step dropped, by the kind of step.", "flow", "reason")
	descUndecided   = ours("filter_undecided_total", "Records kept by a filter whose condition was null.", "flow")
	descUnparsed    = ours("parse_errors_total", "Lines that were not in the format, whatever became of them.", "flow")
	descExpressions = ours("expression_errors_total", "Expressions that failed for a record and were taken for null.", "flow")
	descInvalid     = ours("invalid_bytes_total", "Bytes that were no UTF-8 and were replaced in JSON.", "flow")
	descReadErrors  = ours("read_errors_total", "Looks at files that failed and are tried again.", "flow")
	descQueued      = ours("queued_bytes", "Bytes that wait to be sent or answered.", "destination", "flow")
	descCircuit     = ours("circuit_open", "1 while a destination refuses everything and is only probed.", "destination", "flow")
)

func ours(name, help string, labels ...string) *desc {
	return newDesc("kinetail_"+name, help, labels...)
}

// collect makes metrics of a snapshot. Labels are flows and destinations of the configuration, so their number is bounded; there is none
// per file.
func collect(e *exposition, s *Snapshot) {
	gauge := e.add
	count := func(d *desc, v int64, labels ...string) { e.add(d, float64(v), labels...) }
	gauge(descInfo, 1, s.Version)
	gauge(descConfigError, truth(s.ConfigError != ""))
	count(descStoreErrors, s.Store.Errors)
	for _, f := range s.Flows {
		gauge(descFlowUp, truth(f.State == StateRunning), f.Name)
		gauge(descLagBytes, float64(f.LagBytes), f.Name)
		gauge(descLagSeconds, f.LagSeconds, f.Name)
		gauge(descFiles, float64(f.FilesFollowed), f.Name)
		count(descGapBytes, f.GapBytes, f.Name)
		count(descFileGaps, f.FileGaps, f.Name)
		count(descLateBytes, f.LateBytes, f.Name)
		count(descRefused, f.FilesRefused, f.Name)
		count(descReadErrors, f.ReadErrors, f.Name)
		count(descDropped, f.Dropped.Filtered, f.Name, "filter")
		count(descDropped, f.Dropped.Sampled, f.Name, "sample")
		count(descDropped, f.Dropped.Limited, f.Name, "limit")
		count(descDropped, f.Dropped.Unparsed, f.Name, "parse")
		count(descUndecided, f.FilterUndecided, f.Name)
		count(descUnparsed, f.ParseErrors, f.Name)
		count(descExpressions, f.ExpressionErrors, f.Name)
		count(descInvalid, f.InvalidBytes, f.Name)
		for _, d := range f.Destinations {
			gauge(descQueued, float64(d.QueuedBytes), d.Name, f.Name)
			gauge(descCircuit, truth(d.CircuitOpen), d.Name, f.Name)
			for _, name := range slices.Sorted(maps.Keys(d.Counters)) {
				count(ours(snake(name)+"_total", "As the CloudWatch metric "+name+".", "destination", "flow"), d.Counters[name], d.Name, f.Name)
			}
		}
	}
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// snake turns RecordsSent into records_sent.
func snake(name string) string {
	var b strings.Builder
	for i, r := range name {
		if unicode.IsUpper(r) && i > 0 {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}
