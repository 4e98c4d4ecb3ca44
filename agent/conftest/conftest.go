package conftest

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"

	"github.com/kinetail/kinetail/agent/config"
	"github.com/kinetail/kinetail/pipeline"
	"github.com/kinetail/kinetail/pipeline/record"
	"github.com/kinetail/kinetail/tailer"
	"github.com/kinetail/kinetail/tailer/frame"
)

// generation is that of every test's input, so that record.id can be expected: it begins with 32 zeros.
const generation = "00000000000000000000000000000000"

// Result says what a test found.
type Result struct {
	Test *config.Test
	// Failures are empty if the test passed.
	Failures []Failure
	Took     time.Duration
}

// Failure is one expectation that did not come true.
type Failure struct {
	Range hcl.Range // of the expectation
	// Summary is a line for people.
	Summary string
	// Diff shows what was expected (-) and what came (+), a line each; it may be empty.
	Diff string
}

// Run runs one test of a configuration. An error says why it could not be run.
func Run(cfg *config.Config, t *config.Test) (Result, error) {
	started := time.Now()
	if cfg.Known != nil {
		cfg.Known.Set(t)
	}
	out, err := Process(cfg, t.Flow, t.Emit, Input{Data: t.Input, Path: t.Path, Host: t.Host, Now: t.Now}, nil)
	if err != nil {
		return Result{}, fmt.Errorf("run the test %q: %w", t.Name, err)
	}
	r := Result{Test: t, Failures: compare(t, out)}
	r.Took = time.Since(started)
	return r, nil
}

// Input is what a flow is given to read.
type Input struct {
	Data []byte // the content of a file
	Path string // file.path in expressions
	Host string // host.name; "": this host's
	Now  time.Time
}

// Output is what became of an input.
type Output struct {
	Records []Record
	// Refused are the records that would be dead letters.
	Refused []Record
	Counts  pipeline.Counts
}

// Record is one record, as a destination would get it, but for compression and the delimiter.
type Record struct {
	Data   string
	Key    *string // nil: none
	Reason string  // why it was refused
	Index  int     // among the records that were read
}

// Observer is told what a step made of the record with the given index, which was line when it was read: see pipeline.Observer.
type Observer func(index int, line []byte, step int, r *record.Record, fate pipeline.Fate)

// Process sends an input through a flow, as one of its destinations sees it.
func Process(cfg *config.Config, f *config.Flow, e *config.Emit, in Input, observe Observer) (Output, error) {
	var out Output
	if in.Host == "" {
		in.Host, _ = os.Hostname()
	}
	now := time.Now
	if !in.Now.IsZero() {
		now = func() time.Time { return in.Now }
	}
	steps, err := f.NewSteps(now)
	if err != nil {
		return out, err
	}
	plain := *e
	plain.Compression, plain.Delimiter = "", ""
	encoder, err := cfg.NewEncoder(&plain, in.Host)
	if err != nil {
		return out, err
	}
	read := 0 // records of the batches before this one
	o := pipeline.Options{Host: in.Host, Now: now}
	if observe != nil {
		o.Observe = func(b *tailer.Batch) pipeline.Observer {
			return func(i, step int, r *record.Record, fate pipeline.Fate) {
				if step < len(steps) {
					observe(read+i, b.Bytes(i), step, r, fate)
				}
			}
		}
	}
	p, err := pipeline.New(steps, []*pipeline.Encoder{encoder}, o)
	if err != nil {
		return out, err
	}
	source := &tailer.Source{Flow: f.Name, Generation: generation, Path: in.Path}
	if i := strings.LastIndexByte(in.Path, '/'); i >= 0 {
		source.Dir, source.Name = in.Path[:max(i, 1)], in.Path[i+1:]
	}
	if f.Tail.Header {
		if source.Header, err = header(&f.Tail, in.Data); err != nil {
			return out, err
		}
	}
	var payloads pipeline.Payloads
	err = batches(&f.Tail, in.Data, func(b *tailer.Batch) {
		b.Source = source
		p.Process(b, []*pipeline.Payloads{&payloads})
		for _, item := range payloads.Items {
			out.add(item, read)
		}
		read += len(b.Records)
	})
	out.Counts = p.Counts()
	return out, err
}

// add copies a payload.
func (o *Output) add(item pipeline.Payload, read int) {
	r := Record{Data: string(item.Data), Index: read + item.Record}
	if len(item.Key) > 0 {
		key := string(item.Key)
		r.Key = &key
	}
	if item.Refusal != nil {
		r.Reason = item.Refusal.Reason
		o.Refused = append(o.Refused, r)
		return
	}
	o.Records = append(o.Records, r)
}

// header is the last header line of data.
func header(t *config.Tail, data []byte) (string, error) {
	framer, err := frame.New(t.Framing())
	if err != nil {
		return "", err
	}
	headed, ok := framer.(tailer.Headed)
	if !ok {
		return "", nil
	}
	text, _ := headed.Header(data)
	return string(text), nil
}

// batches frames data as a file that is complete.
func batches(t *config.Tail, data []byte, use func(*tailer.Batch)) error {
	framer, err := frame.New(t.Framing())
	if err != nil {
		return err
	}
	part := uint16(0)
	for at := 0; at < len(data); {
		raw := data[at:]
		b := &tailer.Batch{Start: int64(at), Before: part}
		n := framer.Frame(b, raw, int64(at), tailer.CloseAll)
		if n == 0 {
			return fmt.Errorf("framing stopped at byte %d of %d", at, len(data))
		}
		if len(b.Data) == 0 {
			b.Data = raw
		}
		use(b)
		at, part = at+n, b.After
	}
	return nil
}
