package awslocal

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"time"

	"github.com/aws/smithy-go/encoding/cbor"
)

// codec is one of the three body formats. One struct serves all of them: CBOR takes its names from the json tags.
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
	return decodeCBOR(body, into)
}

func (f codec) encode(v any) ([]byte, error) {
	if v == nil {
		v = struct{}{}
	}
	if f == codecJSON {
		return json.Marshal(v)
	}
	return encodeCBOR(v)
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

func (t epoch) cborValue() cbor.Value {
	return &cbor.Tag{ID: 1, Value: cbor.Uint(t.UnixMilli())} // #nosec G115 -- no clock of ours is before 1970
}

func (t *epoch) setCBOR(v cbor.Value) error {
	ms, err := tagged(v)
	t.Time = time.UnixMilli(int64(ms))
	return err
}
