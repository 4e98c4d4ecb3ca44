package convert

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// maxSource is the largest file that is read, in bytes. A configuration is written by people.
const maxSource = 1 << 20

// object is a JSON object with its members in the order written. Of members with one name the last counts, as in most readers.
type object struct {
	keys   []string
	values map[string]any // *object, []any, string, json.Number, bool, nil
}

func (o *object) get(key string) any {
	if o == nil {
		return nil
	}
	return o.values[key]
}

func (o *object) has(key string) bool {
	_, ok := o.values[key]
	return ok
}

// parseJSON reads a JSON object in which comments in C's style may stand. Errors name the line.
func parseJSON(name string, src []byte) (*object, error) {
	if len(src) > maxSource {
		return nil, fmt.Errorf("%s has more than %d bytes: it is no configuration of the Java agent", name, maxSource)
	}
	src = bytes.TrimPrefix(src, []byte("\ufeff"))
	text, err := withoutComments(src)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	fail := func(err error) error {
		at := d.InputOffset()
		if syntax := (*json.SyntaxError)(nil); errors.As(err, &syntax) {
			at = syntax.Offset
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			at, err = int64(len(text)), errors.New("the text ends inside of a value")
		}
		line := 1 + bytes.Count(text[:min(at, int64(len(text)))], []byte{'\n'})
		return fmt.Errorf("%s:%d: this is not JSON: %w", name, line, err)
	}
	if strings.TrimSpace(string(text)) == "" {
		return nil, fmt.Errorf("%s is empty: a configuration of the Java agent is a JSON object with \"flows\"", name)
	}
	v, err := readValue(d, 0)
	if err != nil {
		return nil, fail(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, fail(errors.New("something follows the closing brace"))
	}
	o, ok := v.(*object)
	if !ok {
		return nil, fmt.Errorf("%s is JSON, but not an object: a configuration of the Java agent is { \"flows\": [ ... ] }", name)
	}
	return o, nil
}

// maxDepth is how deep values may be nested.
const maxDepth = 100

func readValue(d *json.Decoder, depth int) (any, error) {
	t, err := d.Token()
	if err != nil {
		return nil, err
	}
	if depth > maxDepth {
		return nil, errors.New("values are nested too deep")
	}
	switch t {
	case json.Delim('['):
		list := []any{}
		for d.More() {
			v, err := readValue(d, depth+1)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		_, err := d.Token()
		return list, err
	case json.Delim('{'):
		o := &object{values: map[string]any{}}
		for d.More() {
			k, err := d.Token()
			if err != nil {
				return nil, err
			}
			key, ok := k.(string)
			if !ok {
				return nil, errors.New("the name of a member must be in quotes")
			}
			v, err := readValue(d, depth+1)
			if err != nil {
				return nil, err
			}
			if !o.has(key) {
				o.keys = append(o.keys, key)
			}
			o.values[key] = v
		}
		_, err := d.Token()
		return o, err
	}
	return t, nil
}

// withoutComments puts spaces where // and /* */ comments are, so that lines keep their numbers.
func withoutComments(src []byte) ([]byte, error) {
	out := bytes.Clone(src)
	for i := 0; i < len(out); i++ {
		switch {
		case out[i] == '"':
			for i++; i < len(out) && out[i] != '"'; i++ {
				if out[i] == '\\' {
					i++
				}
			}
		case bytes.HasPrefix(out[i:], []byte("//")):
			for ; i < len(out) && out[i] != '\n'; i++ {
				out[i] = ' '
			}
		case bytes.HasPrefix(out[i:], []byte("/*")):
			end := bytes.Index(out[i+2:], []byte("*/"))
			if end < 0 {
				return nil, fmt.Errorf("the comment that begins in line %d is not closed: add */", 1+bytes.Count(src[:i], []byte{'\n'}))
			}
			for stop := i + end + 4; i < stop; i++ {
				if out[i] != '\n' {
					out[i] = ' '
				}
			}
			i--
		}
	}
	return out, nil
}

// textOf is a string, number or boolean as text: numbers and booleans may be written as strings.
func textOf(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case json.Number:
		return v.String(), true
	case bool:
		return strconv.FormatBool(v), true
	}
	return "", false
}

func boolOf(v any) (value, ok bool) {
	s, _ := textOf(v)
	switch strings.ToLower(strings.TrimSpace(s)) {
	case "true":
		return true, true
	case "false":
		return false, true
	}
	return false, false
}

func intOf(v any) (int64, bool) {
	s, _ := textOf(v)
	n, err := strconv.ParseInt(strings.TrimSpace(s), 10, 64)
	return n, err == nil
}

// appendJSON writes a value as compact JSON, with its members in their order.
func appendJSON(dst []byte, v any) []byte {
	switch v := v.(type) {
	case *object:
		dst = append(dst, '{')
		for i, k := range v.keys {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(appendJSON(dst, k), ':')
			dst = appendJSON(dst, v.values[k])
		}
		return append(dst, '}')
	case []any:
		dst = append(dst, '[')
		for i, m := range v {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendJSON(dst, m)
		}
		return append(dst, ']')
	case string:
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		_ = e.Encode(v) // a string can be written
		return append(dst, bytes.TrimSpace(b.Bytes())...)
	case json.Number:
		return append(dst, v...)
	case bool:
		return strconv.AppendBool(dst, v)
	}
	return append(dst, "null"...)
}

// shown is a value as the report shows it.
func shown(v any) string {
	s := string(appendJSON(nil, v))
	if r := []rune(s); len(r) > 60 {
		return string(r[:57]) + "..."
	}
	return s
}
