package awslocal

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"time"

	"github.com/fxamacker/cbor/v2"
)

// codec is one of the three body formats. One struct serves all of them: cbor reads the json tags.
type codec int

const (
	codecJSON  codec = iota // awsJson1.1: Kinesis, Firehose
	codecCBOR               // the older application/x-amz-cbor-1.1 of Kinesis: times in milliseconds
	codecSmith              // smithy-rpc-v2-cbor: CloudWatch; times in seconds
)

func (f codec) contentType() string {
	switch f {
	case codecCBOR:
		return "application/x-amz-cbor-1.1"
	case codecSmith:
		return "application/cbor"
	}
	return "application/x-amz-json-1.1"
}

func (f codec) decode(body []byte, into any) error {
	if len(bytes.TrimSpace(body)) == 0 {
		return nil
	}
	if f == codecJSON {
		return json.Unmarshal(body, into)
	}
	return cbor.Unmarshal(body, into)
}

func (f codec) encode(v any) ([]byte, error) {
	if v == nil {
		v = struct{}{}
	}
	if f == codecJSON {
		return json.Marshal(v)
	}
	return cbor.Marshal(v)
}

// epoch is a timestamp on Kinesis' and Firehose's wires: seconds with a fraction in JSON, tag 1 with milliseconds in CBOR.
type epoch struct{ time.Time }

func (t epoch) MarshalJSON() ([]byte, error) { return t.appendJSON(nil), nil }

func (t epoch) appendJSON(b []byte) []byte {
	return strconv.AppendFloat(b, float64(t.UnixMilli())/1000, 'f', -1, 64)
}

func (t *epoch) UnmarshalJSON(b []byte) error {
	var seconds float64
	if err := json.Unmarshal(b, &seconds); err != nil {
		return err
	}
	t.Time = time.UnixMilli(int64(math.Round(seconds * 1000)))
	return nil
}

func (t epoch) MarshalCBOR() ([]byte, error) {
	return cbor.Marshal(cbor.Tag{Number: 1, Content: t.UnixMilli()})
}

func (t *epoch) UnmarshalCBOR(b []byte) error {
	var tag cbor.Tag
	if err := cbor.Unmarshal(b, &tag); err != nil {
		return err
	}
	switch ms := tag.Content.(type) {
	case uint64:
		t.Time = time.UnixMilli(int64(min(ms, math.MaxInt64)))
	case int64:
		t.Time = time.UnixMilli(ms)
	case float64:
		t.Time = time.UnixMilli(int64(ms))
	}
	return nil
}
