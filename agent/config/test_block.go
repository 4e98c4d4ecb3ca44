package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"

	"github.com/kinetail/kinetail/pipeline/record"
)

// Test is one test block: what goes into a flow, and what has to come out.
type Test struct {
	Name  string
	Range hcl.Range // of its header
	Flow  *Flow
	Emit  *Emit // whose records are looked at; the flow's first unless the block names one
	// Input is the content of a file that the flow would follow.
	Input []byte
	// Path is file.path in expressions; Host is host.name, "" for this host's. Now is the time, the zero time for the real one.
	Path, Host string
	Now        time.Time
	// Known is what ec2.*, ecs.* and k8s.labels are, by root and name.
	Known map[string]map[string]record.Value

	// Expect are the records, if Records says that the block names them.
	Expect  []Expectation
	Records *hcl.Range
	// Partial compares only the fields that an expected record names.
	Partial bool
	// Keys are the partition keys, where the block names them; nil in it is no key.
	Keys *Expected[[]*string]
	// The number of records sent, dropped by the steps, and refused.
	Count, Dropped, DeadLetters *Expected[int]
}

// Expectation is a record that a test expects.
type Expectation struct {
	Range hcl.Range
	Value json.RawMessage // a string is the record's text as it is
}

// Expected is a value that a test expects, and where that is written.
type Expected[T any] struct {
	Value T
	Range hcl.Range
}

// maxInput is the largest input_file, in bytes.
const maxInput = 16 << 20

// test reads a test block. The flows have been read.
func (d *decoder) test(blk *hcl.Block, flows []*Flow) *Test {
	b := d.body(blk, "")
	t := &Test{Name: blk.Labels[0], Range: blk.DefRange}
	b.testFlow(t, flows)
	b.testInput(t)
	b.str("path", &t.Path, absolutePath("path"))
	b.str("host", &t.Host, notEmpty("host"))
	b.time("now", &t.Now)
	b.known(t)
	b.expect(t)
	b.flag("partial", &t.Partial)
	b.expectKeys(t)
	t.Count, t.Dropped, t.DeadLetters = b.expectCount("expect_count"), b.expectCount("expect_dropped"), b.expectCount("expect_dead_letters")
	expects := false
	for _, name := range []string{"expect", "expect_count", "expect_dropped", "expect_dead_letters", "expect_keys"} {
		expects = expects || b.has(name)
	}
	if !expects {
		b.need("expect", "something to expect", "expect = [...], expect_count, expect_dropped, expect_dead_letters or expect_keys")
	}
	b.done()
	if t.Path == "" && t.Flow != nil && len(t.Flow.Tail.Paths) > 0 {
		t.Path = t.Flow.Tail.Paths[0]
	}
	return t
}

// testFlow finds the flow and the destination that a test is about.
func (b *body) testFlow(t *Test, flows []*Flow) {
	var flow, emit string
	b.str("flow", &flow, func(s string) *problem {
		var names []string
		for _, f := range flows {
			if names = append(names, f.Name); f.Name == s {
				t.Flow = f
				return nil
			}
		}
		p := &problem{summary: fmt.Sprintf("There is no flow %q", s), detail: fmt.Sprintf("There are %s.", quoteAll(names))}
		if near := nearest(s, names); near != "" {
			p.hint = mean(near)
		}
		return p
	})
	switch {
	case b.has("flow"):
	case len(flows) == 1:
		t.Flow = flows[0]
	default:
		b.need("flow", "the name of a flow", `flow = "..."`)
	}
	b.str("emit", &emit, func(s string) *problem {
		if t.Flow == nil {
			return nil
		}
		var names []string
		for _, e := range t.Flow.Emits {
			if names = append(names, e.Name); e.Name == s {
				t.Emit = e
				return nil
			}
		}
		return &problem{summary: fmt.Sprintf("There is no emit block %q in flow %q", s, t.Flow.Name), detail: fmt.Sprintf("There are %s.", quoteAll(names))}
	})
	if t.Emit == nil && t.Flow != nil && len(t.Flow.Emits) > 0 {
		t.Emit = t.Flow.Emits[0]
	}
}

// testInput reads input, lines or one text, or input_file, which is read only where tests are run.
func (b *body) testInput(t *Test) {
	b.tell("input", "list of strings, or a string", "")
	v, a := b.value("input")
	if a != nil {
		switch {
		case v.Type() == cty.String:
			t.Input = []byte(strings.TrimSuffix(v.AsString(), "\n") + "\n")
		case v.Type().IsTupleType() || v.Type().IsListType():
			for _, el := range v.AsValueSlice() {
				if el.IsNull() || el.Type() != cty.String {
					b.d.error(a.Expr.Range(), problem{summary: "input holds something that is no line", hint: "this must be a list of strings"})
					break
				}
				t.Input = append(append(t.Input, el.AsString()...), '\n')
			}
		default:
			b.d.wrongType(a, v, "a list of lines", `["..."]`)
		}
	}
	file := ""
	f := b.str("input_file", &file, notEmpty("input_file"))
	switch {
	case b.has("input") && f != nil:
		b.d.conflict(problem{summary: "input and input_file in one test", hint: "this says what is read", detail: "Leave one of them out."},
			f.NameRange, "and so does this", b.written["input"].NameRange)
	case !b.has("input") && !b.has("input_file"):
		b.need("input", "lines to read", `input = ["..."], or input_file = "..."`)
	}
	if f == nil || !b.d.opts.Tests {
		return
	}
	if !filepath.IsAbs(file) {
		file = filepath.Join(b.d.opts.BaseDir, file)
	}
	text, err := readRegular(file, maxInput)
	if err != nil {
		var perr *fs.PathError
		if errors.As(err, &perr) {
			err = perr.Err
		}
		b.d.error(f.Expr.Range(), problem{summary: fmt.Sprintf("Cannot read %s", file), detail: sentence(err.Error())})
		return
	}
	t.Input = text
}

// time reads a time in RFC 3339.
func (b *body) time(name string, dst *time.Time) {
	text := ""
	a := b.str(name, &text, func(s string) *problem {
		if _, err := time.Parse(time.RFC3339, s); err == nil {
			return nil
		}
		return &problem{summary: fmt.Sprintf("%s cannot be %q", name, s), detail: `A time looks like "2026-01-31T12:00:00Z".`}
	})
	b.tell(name, "time in RFC 3339", "")
	if a != nil {
		*dst, _ = time.Parse(time.RFC3339, text)
	}
}

// expect reads the records that are expected: objects, or text.
func (b *body) expect(t *Test) {
	b.tell("expect", "list of objects and strings", "")
	v, a := b.value("expect")
	if a == nil {
		return
	}
	if !v.Type().IsTupleType() && !v.Type().IsListType() {
		b.d.wrongType(a, v, "a list of records", "[{ status = 200 }]")
		return
	}
	at := a.Expr.Range()
	t.Records = &at
	places := elementRanges(a.Expr, v.LengthInt())
	for i, el := range v.AsValueSlice() {
		if ty := el.Type(); el.IsNull() || ty != cty.String && !ty.IsObjectType() && !ty.IsMapType() {
			b.d.error(places[i], problem{summary: "A record is an object or text", hint: "this is " + describe(el), detail: `For example { status = 200 }, or "200 OK" for a record that is no JSON.`})
			continue
		}
		text, err := ctyjson.Marshal(el, el.Type())
		if err != nil {
			b.d.error(places[i], problem{summary: "This cannot be a record", detail: sentence(err.Error())})
			continue
		}
		t.Expect = append(t.Expect, Expectation{places[i], text})
	}
}

func (b *body) expectKeys(t *Test) {
	b.tell("expect_keys", "list of strings and null", "")
	v, a := b.value("expect_keys")
	if a == nil {
		return
	}
	if !v.Type().IsTupleType() && !v.Type().IsListType() {
		b.d.wrongType(a, v, "a list of partition keys", `["..."]`)
		return
	}
	t.Keys = &Expected[[]*string]{Range: a.Expr.Range()}
	for _, el := range v.AsValueSlice() {
		switch {
		case el.IsNull():
			t.Keys.Value = append(t.Keys.Value, nil)
		case el.Type() == cty.String:
			s := el.AsString()
			t.Keys.Value = append(t.Keys.Value, &s)
		default:
			b.d.error(a.Expr.Range(), problem{summary: "A partition key is text, or null where there is none"})
			return
		}
	}
}

func (b *body) expectCount(name string) *Expected[int] {
	n := -1
	b.integer(name, &n, 0, 1_000_000)
	b.tell(name, "whole number", "")
	if n < 0 {
		return nil
	}
	return &Expected[int]{n, b.written[name].Expr.Range()}
}
