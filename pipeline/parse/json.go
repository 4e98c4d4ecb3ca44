package parse

import "github.com/kinetail/kinetail/pipeline/record"

// jsonParser reads one JSON object a line; its members become fields, lists and objects in them are kept as they are.
type jsonParser struct {
	into  string
	names nameCheck
}

func newJSON(o Options) (Parser, error) { return &jsonParser{into: o.Into}, nil }

func (p *jsonParser) Parse(line string, r *record.Record, arena *[]byte) bool {
	if p.into != "" {
		v, end, ok := record.ReadJSON(line, 0, arena)
		if !ok || record.SkipSpace(line, end) != len(line) {
			return false
		}
		r.Add(p.into, v)
		return true
	}
	i := record.SkipSpace(line, 0)
	if i >= len(line) || line[i] != '{' {
		return false
	}
	p.names.reset()
	if i = record.SkipSpace(line, i+1); i < len(line) && line[i] == '}' {
		return record.SkipSpace(line, i+1) == len(line)
	}
	for {
		if i >= len(line) || line[i] != '"' {
			return false
		}
		name, next, _, ok := record.ReadString(line, i, arena)
		if !ok {
			return false
		}
		if i = record.SkipSpace(line, next); i >= len(line) || line[i] != ':' {
			return false
		}
		v, next, ok := record.ReadJSON(line, i+1, arena)
		if !ok {
			return false
		}
		p.names.add(r, name, v)
		if i = record.SkipSpace(line, next); i >= len(line) {
			return false
		}
		switch line[i] {
		case ',':
			i = record.SkipSpace(line, i+1)
		case '}':
			return record.SkipSpace(line, i+1) == len(line)
		default:
			return false
		}
	}
}
