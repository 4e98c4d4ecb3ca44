package frame

import (
	"bytes"

	"github.com/valyala/fastjson"

	"github.com/kinetail/kinetail/tailer"
)

// stream is where a container wrote a line.
type stream int8

const (
	stdout stream = iota
	stderr
	plain // not a line of the container format
)

var streamNames = [...]string{"stdout", "stderr"}

// parsed is what the format says about a line.
type parsed struct {
	stream stream
	full   bool // not a fragment, or the last one
	meta   tailer.Meta
}

// parse takes the container format off a line. A line that is not in the format is taken as it is: nothing is lost. The text is
// valid until the next call.
func (f *joined) parse(content []byte) (parsed, []byte) {
	if f.encoding != "" {
		f.text = f.appendText(f.text[:0], content, f.big)
		return parsed{stream: plain, full: true}, f.text
	}
	switch f.format {
	case "cri":
		if p, text, ok := parseCRI(content); ok {
			return p, text
		}
	case "docker":
		if p, text, ok := f.parseDocker(content); ok {
			return p, text
		}
	case "auto":
		p, text, ok := parseCRI(content)
		if !ok && len(content) > 0 && content[0] == '{' {
			p, text, ok = f.parseDocker(content)
		}
		if ok {
			return p, text
		}
	}
	return parsed{stream: plain, full: true}, content
}

// parseCRI reads "TIME STREAM TAG[:TAG...] TEXT", where the first tag is P for a fragment and F for the last one.
func parseCRI(line []byte) (p parsed, text []byte, ok bool) {
	stamp, rest, _ := bytes.Cut(line, []byte{' '})
	name, rest, _ := bytes.Cut(rest, []byte{' '})
	tags, text, _ := bytes.Cut(rest, []byte{' '})
	tag, _, _ := bytes.Cut(tags, []byte{':'})
	// RFC 3339 at least to the second with a zone: 2026-01-02T15:04:05Z.
	if len(stamp) < 20 || len(stamp) > 64 || stamp[4] != '-' || stamp[10] != 'T' || len(tag) != 1 || tag[0] != 'P' && tag[0] != 'F' {
		return p, nil, false
	}
	if p.stream, ok = streamOf(name); !ok {
		return p, nil, false
	}
	p.full = tag[0] == 'F'
	p.meta = tailer.Meta{Stream: streamNames[p.stream], Time: stamp}
	return p, text, true
}

func streamOf(name []byte) (stream, bool) {
	for s, n := range streamNames {
		if string(name) == n {
			return stream(s), true
		}
	}
	return plain, false
}

// parseDocker reads {"log":"text\n","stream":"stdout","time":"..."}; a text without a line feed at its end is a fragment.
func (f *joined) parseDocker(line []byte) (p parsed, text []byte, ok bool) {
	v, err := f.json.ParseBytes(line)
	if err != nil || v.Type() != fastjson.TypeObject {
		return p, nil, false
	}
	log := v.Get("log")
	if log == nil || log.Type() != fastjson.TypeString {
		return p, nil, false
	}
	if p.stream, ok = streamOf(v.GetStringBytes("stream")); !ok {
		return p, nil, false
	}
	p.meta = tailer.Meta{Stream: streamNames[p.stream], Time: within(line, v.GetStringBytes("time"))}
	text, p.full = bytes.CutSuffix(log.GetStringBytes(), []byte{'\n'})
	if p.full && !f.keepCR {
		text = bytes.TrimSuffix(text, []byte{'\r'})
	}
	return p, text, true
}

// within is where line has text, which the parser overwrites with the next line.
func within(line, text []byte) []byte {
	if i := bytes.LastIndex(line, text); i >= 0 {
		return line[i : i+len(text)]
	}
	return bytes.Clone(text) // it has escapes
}
