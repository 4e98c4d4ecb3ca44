package status

import (
	"strings"
	"unicode"

	"github.com/prometheus/client_golang/prometheus"
)

// collector makes Prometheus metrics of a snapshot at each scrape. Labels are flows and destinations of the configuration, so their number is
// bounded; there is none per file.
type collector struct{ snapshot func() *Snapshot }

var (
	descInfo        = desc("build_info", "1, with the version.", "version")
	descConfigError = desc("config_errors", "1 while the configuration on disk is wrong and an older one is in force.")
	descStoreErrors = desc("checkpoint_errors_total", "Commits of offsets that failed.")
	descFlowUp      = desc("flow_running", "1 while the flow runs.", "flow")
	descLagBytes    = desc("lag_bytes", "Bytes in followed files that not all destinations have acknowledged.", "flow")
	descLagSeconds  = desc("lag_seconds", "Age of the oldest byte not acknowledged.", "flow")
	descFiles       = desc("files_followed", "Generations of files that are followed.", "flow")
	descGapBytes    = desc("gap_bytes_total", "Bytes known to be lost before they could be read.", "flow")
	descFileGaps    = desc("file_gaps_total", "Places where bytes were lost before they could be read.", "flow")
	descLateBytes   = desc("late_bytes_total", "Bytes that came to a file after a newer one had been started.", "flow")
	descRefused     = desc("files_refused_total", "Files not read for the sake of safety.", "flow")
	descDropped     = desc("records_filtered_total", "Records that a step dropped, by the kind of step.", "flow", "reason")
	descUndecided   = desc("filter_undecided_total", "Records kept by a filter whose condition was null.", "flow")
	descUnparsed    = desc("parse_errors_total", "Lines that were not in the format, whatever became of them.", "flow")
	descExpressions = desc("expression_errors_total", "Expressions that failed for a record and were taken for null.", "flow")
	descInvalid     = desc("invalid_bytes_total", "Bytes that were no UTF-8 and were replaced in JSON.", "flow")
	descReadErrors  = desc("read_errors_total", "Looks at files that failed and are tried again.", "flow")
	descQueued      = desc("queued_bytes", "Bytes that wait to be sent or answered.", "flow", "destination")
	descCircuit     = desc("circuit_open", "1 while a destination refuses everything and is only probed.", "flow", "destination")
)

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("kinetail_"+name, help, labels, nil)
}

// Describe sends nothing: the counters' descriptions are made as they come.
func (c collector) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (c collector) Collect(out chan<- prometheus.Metric) {
	s := c.snapshot()
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, clean(labels)...)
	}
	count := func(d *prometheus.Desc, v int64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), clean(labels)...)
	}
	gauge(descInfo, 1, s.Version)
	gauge(descConfigError, truth(s.ConfigError != ""))
	count(descStoreErrors, s.Store.Errors)
	for _, f := range s.Flows {
		gauge(descFlowUp, truth(f.State == StateRunning), f.Name)
		gauge(descLagBytes, float64(f.LagBytes), f.Name)
		gauge(descLagSeconds, f.LagSeconds, f.Name)
		gauge(descFiles, float64(len(f.Files)), f.Name)
		count(descGapBytes, f.GapBytes, f.Name)
		count(descFileGaps, f.FileGaps, f.Name)
		count(descLateBytes, f.LateBytes, f.Name)
		count(descRefused, f.FilesRefused, f.Name)
		count(descReadErrors, f.ReadErrors, f.Name)
		for reason, n := range map[string]int64{
			"filter": f.Dropped.Filtered, "sample": f.Dropped.Sampled, "limit": f.Dropped.Limited, "parse": f.Dropped.Unparsed,
		} {
			count(descDropped, n, f.Name, reason)
		}
		count(descUndecided, f.FilterUndecided, f.Name)
		count(descUnparsed, f.ParseErrors, f.Name)
		count(descExpressions, f.ExpressionErrors, f.Name)
		count(descInvalid, f.InvalidBytes, f.Name)
		for _, d := range f.Destinations {
			gauge(descQueued, float64(d.QueuedBytes), f.Name, d.Name)
			gauge(descCircuit, truth(d.CircuitOpen), f.Name, d.Name)
			for name, v := range d.Counters {
				count(desc(snake(name)+"_total", "As the CloudWatch metric "+name+".", "flow", "destination"), v, f.Name, d.Name)
			}
		}
	}
}

// clean replaces what Prometheus refuses in a label.
func clean(labels []string) []string {
	for i, l := range labels {
		labels[i] = strings.ToValidUTF8(l, "\uFFFD")
	}
	return labels
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
