package wire

import (
	"errors"
	"fmt"

	"github.com/valyala/fastjson"

	"github.com/kinetail/kinetail/emit/awscall"
)

var parsers fastjson.ParserPool

// results calls each with every element of an array of results.
func results(answer []byte, name string, start func(n int), each func(i int, v *fastjson.Value) error) error {
	p := parsers.Get()
	defer parsers.Put(p)
	root, err := p.ParseBytes(answer)
	if err != nil {
		return err
	}
	list := root.Get(name)
	if list == nil {
		return fmt.Errorf("it has no %s", name)
	}
	all, err := list.Array()
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	start(len(all))
	for i, v := range all {
		if v.Type() != fastjson.TypeObject {
			return fmt.Errorf("%s holds a %s", name, v.Type())
		}
		if err := each(i, v); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

var errNotText = errors.New("a member that should be a string is something else")

// bytesOf is a member that is a string, null or missing. It aliases what is parsed.
func bytesOf(v *fastjson.Value, name string) ([]byte, error) {
	m := v.Get(name)
	if m == nil || m.Type() == fastjson.TypeNull {
		return nil, nil
	}
	b, err := m.StringBytes()
	if err != nil {
		return nil, errNotText
	}
	return b, nil
}

// text is the same as a string. same holds those met before, for a few say the same of all.
func text(v *fastjson.Value, name string, same map[string]*string) (*string, error) {
	b, err := bytesOf(v, name)
	if b == nil || err != nil {
		return nil, err
	}
	if s, ok := same[string(b)]; ok {
		return s, nil
	}
	s := string(b)
	same[s] = &s
	return &s, nil
}

// parsePutRecords tells the shard, or code and message, of each record, and how many results there are. Sequence numbers are left out: nobody asks
// for them.
func parsePutRecords(answer []byte, r *Request) (n int, err error) {
	one := &Result{}
	err = results(answer, "Records", func(all int) { n = all }, func(i int, v *fastjson.Value) (err error) {
		*one = Result{}
		if one.Code, err = bytesOf(v, "ErrorCode"); err != nil {
			return err
		}
		if one.Message, err = bytesOf(v, "ErrorMessage"); err != nil {
			return err
		}
		if one.Shard, err = bytesOf(v, "ShardId"); err != nil {
			return err
		}
		if i < r.Len {
			r.Result(i, one)
		}
		return nil
	})
	return n, err
}

// parsePutRecordBatch fills in code and message of each record. Record ids are left out: nobody asks for them.
func parsePutRecordBatch(answer []byte, out *awscall.PutRecordBatchOutput) error {
	same := map[string]*string{}
	out.FailedPutCount = new(int32)
	return results(answer, "RequestResponses",
		func(n int) { out.RequestResponses = make([]awscall.PutRecordBatchResponseEntry, n) },
		func(i int, v *fastjson.Value) (err error) {
			r := &out.RequestResponses[i]
			if r.ErrorCode, err = text(v, "ErrorCode", same); err != nil {
				return err
			}
			if r.ErrorCode != nil {
				*out.FailedPutCount++
			}
			r.ErrorMessage, err = text(v, "ErrorMessage", same)
			return err
		})
}
