package plan

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"os"
	"time"

	"github.com/kinetail/kinetail/agent/config"
	"github.com/kinetail/kinetail/emit"
	"github.com/kinetail/kinetail/pipeline"
	"github.com/kinetail/kinetail/pipeline/record"
	"github.com/kinetail/kinetail/tailer"
)

// Options are for Make.
type Options struct {
	// Files are looked at instead of the flow's own.
	Files []string
	// Sample is how much is read of a flow's files, in bytes, at most 1 GiB; the newest lines.
	Sample int64
	// Rate is how fast the files grow, if that is known; else it is measured.
	Rate *Rate
	// Hosts send alike into one stream; at least 1.
	Hosts int
	// Consumers read the stream, each all of it; at least 1.
	Consumers int
	// Peak is how many times the rate there may be: shards are for that.
	Peak   float64
	Prices Prices
}

// Flow is what is planned for a flow.
type Flow struct {
	Name  string   `json:"flow"`
	Files []string `json:"files"`
	// Lines and Bytes of the sample, as in the files.
	Lines int64 `json:"sample_lines"`
	Bytes int64 `json:"sample_bytes"`
	Rate  Rate  `json:"rate"`
	// BytesPerSecond of the files.
	BytesPerSecond float64 `json:"bytes_per_second"`
	Emits          []Emit  `json:"emits"`
}

// Emit is what is planned for an emit block.
type Emit struct {
	Name   string `json:"emit"`
	Kind   string `json:"kind"`
	Stream string `json:"stream"`
	// Kept is the share of the lines that the steps leave, and RecordBytes how long a record is then, before packing.
	Kept        float64   `json:"kept"`
	RecordBytes float64   `json:"record_bytes"`
	Variants    []Variant `json:"variants"`
}

// Variant is one way of packing. Numbers by time are for all hosts together.
type Variant struct {
	Aggregate  string  `json:"aggregate"`
	Size       int64   `json:"aggregate_size,omitempty"`
	MaxWait    float64 `json:"max_wait_seconds"`
	Configured bool    `json:"configured"`
	// RecordsPerSecond as the service counts them, and the average size of one in bytes.
	RecordsPerSecond float64 `json:"records_per_second"`
	AverageBytes     float64 `json:"average_bytes"`
	// LinesPerRecord is how many lines are in one.
	LinesPerRecord float64 `json:"lines_per_record"`
	// Shards of a provisioned stream: by the formula alone, and as many as are needed.
	ShardsFormula int `json:"shards_formula,omitempty"`
	Shards        int `json:"shards,omitempty"`
	// Month is what a month of 730 hours has.
	Month Month `json:"month"`
}

// Month is the volume and the price of a month.
type Month struct {
	Records  float64 `json:"records"`
	GB       float64 `json:"gb"`
	PutUnits float64 `json:"put_units,omitempty"`
	BilledGB float64 `json:"billed_gb"` // rounded up: Firehose to 5 KB a record, on-demand streams to 1 KB
	// In USD; 0 where it does not apply.
	Provisioned float64 `json:"provisioned_usd,omitempty"`
	OnDemand    float64 `json:"on_demand_usd,omitempty"`
	Firehose    float64 `json:"firehose_usd,omitempty"`
	// Saved is how much less than what is configured it costs, in the cheaper mode; below 0 it costs more.
	Saved float64 `json:"saved_usd"`
}

// Cost is the price of the cheaper mode.
func (m *Month) Cost() float64 {
	if m.Provisioned == 0 {
		return m.Firehose
	}
	return min(m.Provisioned, m.OnDemand)
}

// windows is how many times max_wait are packed: enough for an average.
const windows = 500

// Make plans a flow. An error says what is missing: files, or a rate.
func Make(ctx context.Context, cfg *config.Config, f *config.Flow, o Options) (*Flow, error) {
	parts, err := sample(f, o.Files, o.Sample)
	if err != nil {
		return nil, err
	}
	out := &Flow{Name: f.Name}
	var batches []*tailer.Batch
	for i := range parts {
		b, err := frames(&f.Tail, &parts[i])
		if err != nil {
			return nil, err
		}
		batches = append(batches, b)
		out.Files = append(out.Files, parts[i].path)
		out.Lines += int64(len(b.Records))
		out.Bytes += int64(len(parts[i].data))
	}
	if out.Lines == 0 {
		return nil, fmt.Errorf("there is no whole record in %s", parts[0].path)
	}
	m := &measure{cfg: cfg, flow: f, batches: batches}
	found, err := m.stamps()
	if err != nil {
		return nil, err
	}
	perLine := float64(out.Bytes) / float64(out.Lines)
	rate, ok := found.rate(out.Lines)
	if !ok {
		rate, ok = fileRate(parts, perLine)
	}
	if o.Rate != nil {
		rate, ok = *o.Rate, true
	}
	if !ok {
		return nil, fmt.Errorf("how fast the files grow is not to be seen: the lines hold no times that lie apart (a parse step finds them), and the files do not tell when they were made; say it with --rate %s=LINES-A-SECOND", f.Name)
	}
	out.Rate, out.BytesPerSecond = rate, rate.Lines*perLine
	for _, e := range f.Emits {
		if e.Kind != "kinesis" && e.Kind != "firehose" {
			continue
		}
		planned, err := m.emit(ctx, e, rate.Lines, &o)
		if err != nil {
			return nil, fmt.Errorf("emit %q: %w", e.Name, err)
		}
		out.Emits = append(out.Emits, *planned)
	}
	return out, nil
}

// measure runs a flow's pipeline over the sample.
type measure struct {
	cfg     *config.Config
	flow    *config.Flow
	batches []*tailer.Batch
}

func hostname() string {
	name, _ := os.Hostname()
	return name
}

// pipeline is the flow's, into the emit blocks.
func (m *measure) pipeline(emits []*config.Emit, now func() time.Time, observe func(*tailer.Batch) pipeline.Observer) (*pipeline.Pipeline, error) {
	steps, err := m.flow.NewSteps(now)
	if err != nil {
		return nil, err
	}
	var encoders []*pipeline.Encoder
	for _, e := range emits {
		encoder, err := m.cfg.NewEncoder(e, hostname())
		if err != nil {
			return nil, err
		}
		encoders = append(encoders, encoder)
	}
	return pipeline.New(steps, encoders, pipeline.Options{Host: hostname(), Now: now, Observe: observe})
}

// stamps are the times that the steps find in the lines.
func (m *measure) stamps() (*stamps, error) {
	s := &stamps{index: -1}
	if len(m.flow.Steps) == 0 {
		return s, nil
	}
	before := 0
	p, err := m.pipeline(nil, nil, func(*tailer.Batch) pipeline.Observer {
		return func(i, _ int, r *record.Record, _ pipeline.Fate) { s.look(before+i, r) }
	})
	if err != nil {
		return nil, err
	}
	for _, b := range m.batches {
		p.Process(b, nil)
		before += len(b.Records)
	}
	return s, nil
}

// longWait is a max_wait that lets a slow host fill its aggregates.
const longWait = 15 * time.Second

// variants are the ways of packing that are compared: as configured, and the others with useful sizes. Firehose bills by 5 KB, so that larger ones make
// little of the rounding; of Kinesis' sizes each is whole units of 25 KB.
func variants(e *config.Emit) []*config.Emit {
	var out []*config.Emit
	add := func(aggregate string, size int64, wait time.Duration) {
		v := *e
		v.Aggregate, v.AggregateSize, v.MaxWait = aggregate, size, wait
		if aggregate == "lines" && v.Delimiter == "" {
			v.Delimiter = "\n"
		}
		if aggregate == "lines" && v.Compression != "" {
			return // not to be had: see validate
		}
		if aggregate == "kpl" && v.PartitionKey != nil && e.Aggregate == "none" {
			v.Order = "key" // the default there
		}
		for _, o := range out {
			if o.Aggregate == v.Aggregate && (v.Aggregate == "none" || o.AggregateSize == v.AggregateSize && o.MaxWait == v.MaxWait) {
				return
			}
		}
		out = append(out, &v)
	}
	add(e.Aggregate, e.AggregateSize, e.MaxWait)
	out[0].Order = e.Order
	add("none", e.AggregateSize, e.MaxWait)
	if e.Kind == "firehose" {
		for _, size := range []int64{5 << 10, 50 << 10, 500 << 10} {
			add("lines", size, e.MaxWait)
		}
		add("lines", 50<<10, longWait)
		return out
	}
	for _, size := range []int64{25 << 10, 50 << 10, 200 << 10} {
		add("kpl", size, e.MaxWait)
	}
	for _, size := range []int64{50 << 10, 200 << 10} {
		add("lines", size, e.MaxWait)
	}
	add("kpl", 50<<10, longWait)
	add("lines", 50<<10, longWait)
	return out
}

// emit measures an emit block's variants.
func (m *measure) emit(ctx context.Context, e *config.Emit, linesPerSecond float64, o *Options) (*Emit, error) {
	out := &Emit{Name: e.Name, Kind: e.Kind, Stream: cmp.Or(e.Stream, e.StreamARN)}
	all := variants(e)
	for len(all) > 0 { // those of one max_wait together
		wait := all[0].MaxWait
		n := 1
		for n < len(all) && all[n].MaxWait == wait {
			n++
		}
		r, err := m.run(ctx, all[:n], linesPerSecond, o)
		if err != nil {
			return nil, err
		}
		if len(out.Variants) == 0 {
			out.Kept = r.kept / r.lines
			if r.kept > 0 {
				out.RecordBytes = r.bytes / r.kept
			}
		}
		perSecond := linesPerSecond / r.lines * float64(o.Hosts)
		for i, v := range all[:n] {
			out.Variants = append(out.Variants, newVariant(v, len(out.Variants) == 0, r.counts[i], r.kept, perSecond, o))
		}
		all = all[n:]
	}
	configured := out.Variants[0].Month.Cost()
	for i := range out.Variants {
		v := &out.Variants[i].Month
		v.Saved = configured - v.Cost()
	}
	return out, nil
}

// packed is what came of a run.
type packed struct {
	lines, kept, bytes float64 // of the sample: read, left by the steps, and how long those are
	counts             []*counter
}

// run sends the sample through the steps and into the emit blocks, which have one max_wait.
func (m *measure) run(ctx context.Context, emits []*config.Emit, linesPerSecond float64, o *Options) (r packed, err error) {
	scratch, err := os.MkdirTemp("", "kinetail-plan-")
	if err != nil {
		return r, err
	}
	defer func() { _ = os.RemoveAll(scratch) }()
	// Steps that limit a rate see the lines come as fast as they do.
	began := time.Now()
	p, err := m.pipeline(emits, func() time.Time { return began.Add(time.Duration(r.lines / linesPerSecond * float64(time.Second))) }, nil)
	if err != nil {
		return r, err
	}
	var payloads []*pipeline.Payloads
	var packers []emit.Destination
	defer func() {
		for _, d := range packers {
			_ = d.Close()
		}
	}()
	// How many shards there will be is not known yet: about one for each MB/s of the lines.
	shards := int(math.Ceil(linesPerSecond * float64(o.Hosts) * m.bytesPerLine() * o.Peak / (1 << 20)))
	for i, v := range emits {
		letters := emit.NewDeadLetters(emit.DeadLetterOptions{StateDir: scratch, Flow: m.flow.Name, Destination: fmt.Sprint(i), Drop: true})
		d, c, err := newPacker(m.flow.Name, v, shards, letters)
		if err != nil {
			return r, err
		}
		payloads, packers, r.counts = append(payloads, &pipeline.Payloads{}), append(packers, d), append(r.counts, c)
	}
	// What comes within max_wait is packed together, and no more.
	window := max(1, int(linesPerSecond*emits[0].MaxWait.Seconds()))
	for n, w := range m.windows(window) {
		if n == windows {
			break
		}
		p.Process(w, payloads)
		r.lines += float64(len(w.Records))
		for _, item := range payloads[0].Items {
			r.kept++
			r.bytes += float64(len(item.Data))
		}
		for i, d := range packers {
			if err := d.Put(ctx, payloads[i]); err != nil {
				return r, err
			}
		}
		for _, d := range packers {
			if err := d.Flush(ctx); err != nil {
				return r, err
			}
		}
	}
	return r, nil
}

func (m *measure) bytesPerLine() float64 {
	n, size := 0, 0
	for _, b := range m.batches {
		n += len(b.Records)
		size += len(b.Data)
	}
	return float64(size) / float64(max(n, 1))
}

// windows are the records of the sample in batches of n.
func (m *measure) windows(n int) func(yield func(int, *tailer.Batch) bool) {
	return func(yield func(int, *tailer.Batch) bool) {
		count := 0
		for _, b := range m.batches {
			for at := 0; at < len(b.Records); at += n {
				end := min(at+n, len(b.Records))
				w := &tailer.Batch{Data: b.Data, Records: b.Records[at:end], Source: b.Source, Ack: tailer.NewAck(func() {})}
				if len(b.Meta) >= end {
					w.Meta = b.Meta[at:end]
				}
				if !yield(count, w) {
					return
				}
				count++
			}
		}
	}
}

// newVariant multiplies what was counted. perSecond is how many samples come a second.
func newVariant(e *config.Emit, configured bool, c *counter, kept, perSecond float64, o *Options) Variant {
	v := Variant{Aggregate: e.Aggregate, MaxWait: e.MaxWait.Seconds(), Configured: configured, RecordsPerSecond: float64(c.records) * perSecond}
	if e.Aggregate != "none" {
		v.Size = e.AggregateSize
	}
	if c.records > 0 {
		v.AverageBytes, v.LinesPerRecord = float64(c.bytes)/float64(c.records), kept/float64(c.records)
	}
	month := perSecond * MonthSeconds
	v.Month = Month{Records: float64(c.records) * month, GB: float64(c.bytes) * month / gb, BilledGB: float64(c.rounded) * month / gb}
	p := &o.Prices
	if e.Kind == "firehose" {
		v.Month.Firehose = v.Month.BilledGB * p.FirehoseGB
		return v
	}
	v.ShardsFormula, v.Shards = Shards(v.AverageBytes/1024, v.RecordsPerSecond*o.Peak, o.Consumers)
	v.Month.PutUnits = float64(c.units) * month
	v.Month.Provisioned = float64(v.Shards)*MonthHours*p.ShardHour + v.Month.PutUnits/1e6*p.PutUnits
	v.Month.OnDemand = MonthHours*p.OnDemandHour + v.Month.BilledGB*p.OnDemandIn + v.Month.GB*float64(o.Consumers)*p.OnDemandOut
	return v
}

// Duration is a span as people say it.
func Duration(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second))
	switch {
	case d >= 48*time.Hour:
		return fmt.Sprintf("%.1f days", d.Hours()/24)
	case d >= time.Minute:
		return d.Round(time.Second).String()
	}
	return d.Round(100 * time.Millisecond).String()
}
