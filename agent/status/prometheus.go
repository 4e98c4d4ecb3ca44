package status

import (
	"cmp"
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

var (
	descTruncated = ours("records_truncated_total", "Records longer than max_record_size, which were cut.", "flow")
	descKeysCut   = ours("partition_keys_truncated_total", "Partition keys longer than 256 characters, which were cut.", "flow")
	descRedacted  = ours("redactions_total", "Matches that redact has replaced.", "flow")
	descQueuedRec = ours("queued_records", "Records that wait to be sent or answered.", "destination", "flow")

	descSendLatency = oursHistogram("send_latency_seconds", "Time of a request, whatever became of it.", "destination", "flow")
	descDelivery    = oursHistogram("delivery_latency_seconds", "Time from reading a record to its acknowledgement.", "destination", "flow")
	descPacked      = oursHistogram("records_per_kinesis_record", "Records in what the service counts as one.", "destination", "flow")

	descPublished = ours("cloudwatch_metrics_sent_total", "Values that CloudWatch has accepted.")
	descUnsent    = ours("cloudwatch_metrics_pending", "Values that wait for CloudWatch to accept them.")
	descLost      = ours("cloudwatch_metrics_dropped_total", "Values that CloudWatch never took.")
	descPutCalls  = ours("cloudwatch_calls_total", "Calls of PutMetricData.")

	descFileBytes   = ours("file_lag_bytes", "Bytes of a file that not all destinations have acknowledged.", "flow", "path")
	descFileSeconds = ours("file_lag_seconds", "Age of the oldest byte of a file not acknowledged.", "flow", "path")
)

func oursHistogram(name, help string, labels ...string) *desc {
	d := ours(name, help, labels...)
	d.kind = histogramKind
	return d
}

func ours(name, help string, labels ...string) *desc {
	return newDesc("kinetail_"+name, help, labels...)
}

// collect makes metrics of a snapshot. Labels are flows and destinations of the configuration, so their number is bounded; there is none
// per file: those are collectFiles's.
func collect(e *exposition, s *Snapshot) {
	gauge := e.add
	count := func(d *desc, v int64, labels ...string) { e.add(d, float64(v), labels...) }
	gauge(descInfo, 1, s.Version)
	gauge(descConfigError, truth(s.ConfigError != ""))
	count(descStoreErrors, s.Store.Errors)
	if m := s.Metrics; m != nil {
		count(descPublished, m.Sent)
		gauge(descUnsent, float64(m.Pending))
		count(descLost, m.Dropped)
		count(descPutCalls, m.Calls)
	}
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
		count(descTruncated, f.RecordsTruncated, f.Name)
		count(descKeysCut, f.KeysTruncated, f.Name)
		count(descRedacted, f.Redacted, f.Name)
		for _, d := range f.Destinations {
			gauge(descQueued, float64(d.QueuedBytes), d.Name, f.Name)
			gauge(descQueuedRec, float64(d.QueuedRecords), d.Name, f.Name)
			if d.Metric != "" {
				e.histogram(descSendLatency, 1000, d.Distributions["SendLatency"], d.Name, f.Name)
				e.histogram(descDelivery, 1000, d.Distributions["DeliveryLatency"], d.Name, f.Name)
				e.histogram(descPacked, 1, d.Distributions["RecordsPerKinesisRecord"], d.Name, f.Name)
			}
			gauge(descCircuit, truth(d.CircuitOpen), d.Name, f.Name)
			for _, name := range slices.Sorted(maps.Keys(d.Counters)) {
				count(ours(snake(name)+"_total", "As the CloudWatch metric "+name+".", "destination", "flow"), d.Counters[name], d.Name, f.Name)
			}
		}
	}
}

// maxFileSamples bounds the files of a flow that a scrape gets, those that lag most: an application may make files without end.
const maxFileSamples = 1000

// collectFiles adds the lag of each path, that of all its generations together.
func collectFiles(e *exposition, s *Snapshot) {
	for _, f := range s.Flows {
		byPath := map[string]*File{}
		for i := range f.Files {
			g := f.Files[i]
			sum := byPath[g.Path]
			if sum == nil {
				sum = &File{Path: g.Path}
				byPath[g.Path] = sum
			}
			sum.Size += max(0, g.Size-g.Committed)
			sum.LagSeconds = max(sum.LagSeconds, g.LagSeconds)
		}
		files := slices.SortedFunc(maps.Values(byPath), func(a, b *File) int {
			return cmp.Or(cmp.Compare(b.LagSeconds, a.LagSeconds), cmp.Compare(a.Path, b.Path))
		})
		for _, file := range files[:min(len(files), maxFileSamples)] {
			e.add(descFileBytes, float64(file.Size), f.Name, file.Path)
			e.add(descFileSeconds, file.LagSeconds, f.Name, file.Path)
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
