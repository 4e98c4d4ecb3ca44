package wire

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/fxamacker/cbor/v2"

	"github.com/kinetail/kinetail/emit/retry"
)

// Another implementation reads what we write.
func TestBodiesAreCBOR(t *testing.T) {
	all := records(500)
	for i, size := range []int{0, 23, 24, 255, 256, 65535, 65536, 1 << 20} {
		all[i].Data = make([]byte, size)
	}
	all[499].PartitionKey = aws.String("no UTF-8: \xff")
	in := requestOf(all, nil)
	small := 0
	text := everyWay(t, func() *Body {
		return newBody(in.size(true), func(w *bodyWriter) {
			writePutRecordsCBOR(w, aws.String("s"), nil, in)
			small = len(w.small)
		})
	})
	if size := in.size(true); small > size || size > 4*small {
		t.Errorf("%d bytes were expected beside what is not copied, there are %d", size, small)
	}
	var got struct {
		Records []struct {
			Data            []byte
			PartitionKey    string
			ExplicitHashKey *string
		}
		StreamName string
		StreamARN  *string
	}
	if err := cbor.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if got.StreamName != "s" || got.StreamARN != nil || len(got.Records) != 500 {
		t.Errorf("%q, %v, %d records", got.StreamName, got.StreamARN, len(got.Records))
	}
	for i, r := range got.Records {
		want := all[i]
		if !bytes.Equal(r.Data, want.Data) || r.PartitionKey != strings.ToValidUTF8(*want.PartitionKey, "\uFFFD") || aws.ToString(r.ExplicitHashKey) != aws.ToString(want.ExplicitHashKey) {
			t.Errorf("record %d: %+v", i, r)
		}
	}
}

// everyWay reads a body in all the ways that net/http reads one, and returns it.
func everyWay(t *testing.T, body func() *Body) []byte {
	t.Helper()
	b := body()
	want := bytes.Join(b.parts, nil)
	if err := iotest.TestReader(b, want); err != nil {
		t.Error(err)
	}
	for _, most := range []int{1 << 30, 70_000} {
		b := body()
		w := &halting{most: most}
		for calls := 0; w.Len() < len(want); calls++ {
			before := w.Len()
			n, err := b.WriteTo(w)
			if int(n) != w.Len()-before || (err == nil) != (w.Len() == len(want)) || calls > len(want)/most+1 {
				t.Fatalf("call %d: %d bytes, %v; %d of %d are written", calls, n, err, w.Len(), len(want))
			}
		}
		if !bytes.Equal(w.Bytes(), want) {
			t.Error("it is written otherwise than it is read")
		}
		if n, err := b.WriteTo(w); n != 0 || err != nil {
			t.Errorf("%d bytes more, %v", n, err)
		}
		b.free()
		if _, err := b.Read(make([]byte, 1)); !errors.Is(err, errFreed) {
			t.Errorf("read after it was freed: %v", err)
		}
		if _, err := b.WriteTo(w); !errors.Is(err, errFreed) {
			t.Errorf("written after it was freed: %v", err)
		}
	}
	return want
}

// halting takes so many bytes in a call of WriteTo, as a connection does whose other end is slow.
type halting struct {
	bytes.Buffer
	most, took int
}

func (h *halting) Write(p []byte) (int, error) {
	n := min(len(p), h.most-h.took)
	h.took += n
	h.Buffer.Write(p[:n])
	if n < len(p) {
		h.took = 0
		return n, os.ErrDeadlineExceeded
	}
	return n, nil
}

// answers are the same in all the forms that CBOR has for it.
func TestAnswersInCBOR(t *testing.T) {
	plain, err := cbor.Marshal(map[string]any{
		"FailedRecordCount": 1, "EncryptionType": nil, "More": []any{1.5, -3, true, map[string]any{"a": []byte{1}}, cbor.Tag{Number: 1, Content: 5}},
		"Records": []map[string]any{
			{"ShardId": "shardId-000000000001", "SequenceNumber": "4967"},
			{"ErrorCode": "InternalFailure", "ErrorMessage": "Internal service failure.", "ShardId": nil},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	// As Jackson writes it, which the service uses: open maps and lists; and a text in two pieces.
	open := "\xbf\x71FailedRecordCount\x01\x67Records\x9f" +
		"\xbf\x6eSequenceNumber\x644967\x67ShardId\x7f\x68shardId-\x6c000000000001\xff\xff" +
		"\xbf\x69ErrorCode\x6fInternalFailure\x6cErrorMessage\x78\x19Internal service failure.\xff\xff\xff"
	want := []types.PutRecordsResultEntry{
		{ShardId: aws.String("shardId-000000000001")},
		{ErrorCode: aws.String("InternalFailure"), ErrorMessage: aws.String("Internal service failure.")},
	}
	for name, answer := range map[string][]byte{"another implementation's": plain, "open": []byte(open)} {
		var out []Result
		n, err := parsePutRecordsCBOR(answer, &Request{Len: 2, Result: func(_ int, r *Result) { out = append(out, *r) }})
		if err != nil || n != len(want) || len(out) != n {
			t.Errorf("%s: %d results, %d of them told, %v", name, n, len(out), err)
			continue
		}
		for i, r := range out {
			if string(r.Shard) != aws.ToString(want[i].ShardId) || string(r.Code) != aws.ToString(want[i].ErrorCode) || string(r.Message) != aws.ToString(want[i].ErrorMessage) {
				t.Errorf("%s: record %d is %+v", name, i, r)
			}
		}
		for n := range answer {
			if _, err := parsePutRecordsCBOR(answer[:n], nobody); err == nil {
				t.Errorf("%s: %d of %d bytes are taken for an answer", name, n, len(answer))
			}
		}
	}
}

// script is an endpoint that answers requests in CBOR by itself, and accepts those in JSON.
type script struct {
	status      int
	kind, body  string
	errorType   string
	inCBOR, all int
}

func (s *script) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	s.all++
	if r.Header.Get("Content-Type") != cborType {
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		fmt.Fprint(w, `{"FailedRecordCount":0,"Records":[{"ShardId":"shardId-000000000000","SequenceNumber":"1"}]}`)
		return
	}
	s.inCBOR++
	w.Header().Set("Content-Type", s.kind)
	if s.errorType != "" {
		w.Header().Set("X-Amzn-Errortype", s.errorType)
	}
	w.WriteHeader(s.status)
	fmt.Fprint(w, s.body)
}

func encode(t *testing.T, v any) string {
	t.Helper()
	b, err := cbor.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// Whatever an endpoint without CBOR says to it, its records are sent in JSON in the same call, and so are all that follow. What has nothing
// to do with CBOR stays what it is.
func TestDialect(t *testing.T) {
	const jsonType, html = "application/x-amz-json-1.1", "<html>no</html>"
	said := func(code string) string { return encode(t, map[string]string{"__type": code, "message": "why"}) }
	for name, c := range map[string]struct {
		script
		want retry.Class // of the first call
		json bool        // is spoken from then on
	}{
		"no JSON":                      {script{status: 400, kind: jsonType, body: `{"__type":"SerializationException"}`}, retry.None, true},
		"no members":                   {script{status: 400, kind: jsonType, body: `{"__type":"com.amazonaws.kinesis#ValidationException"}`}, retry.None, true},
		"not that type":                {script{status: 415, kind: "text/html", body: html}, retry.None, true},
		"a firewall":                   {script{status: 403, kind: "text/html", body: html}, retry.None, true},
		"nothing":                      {script{status: 404}, retry.None, true},
		"serialization, in CBOR":       {script{status: 400, kind: cborType, body: said("SerializationException")}, retry.None, true},
		"unknown operation":            {script{status: 400, kind: jsonType, errorType: "UnknownOperationException"}, retry.None, true},
		"it falls over":                {script{status: 500, kind: "text/html", body: html}, retry.Transient, true},
		"says CBOR, is not":            {script{status: 400, kind: cborType, body: html}, retry.None, true},
		"its answers are cut off":      {script{status: 200, kind: cborType, body: said("x")[:9]}, retry.Transient, true},
		"expired, in JSON":             {script{status: 400, kind: jsonType, body: `{"__type":"ExpiredTokenException"}`}, retry.Credentials, false},
		"expired, in CBOR":             {script{status: 400, kind: cborType, body: said("ExpiredTokenException")}, retry.Credentials, false},
		"denied":                       {script{status: 400, kind: cborType, body: said("com.amazonaws.kinesis#AccessDeniedException")}, retry.Configuration, false},
		"too fast":                     {script{status: 400, kind: cborType, body: said("ProvisionedThroughputExceededException")}, retry.Throttle, false},
		"a proxy's limit":              {script{status: 413, kind: "text/html", body: html}, retry.Data, false},
		"a proxy's rate":               {script{status: 429, kind: "text/html", body: html}, retry.Throttle, false},
		"a bad record":                 {script{status: 400, kind: cborType, body: said("InvalidArgumentException")}, retry.Data, false},
		"the service's fault":          {script{status: 500, kind: cborType, body: said("InternalFailure")}, retry.Transient, false},
		"a proxy without its upstream": {script{status: 503, kind: "text/html", body: html}, retry.Transient, false},
	} {
		t.Run(name, func(t *testing.T) {
			srv := httptest.NewServer(&c.script)
			defer srv.Close()
			stream := NewStream(kinesis.NewFromConfig(aws.Config{
				Region: "us-east-1", BaseEndpoint: &srv.URL, Credentials: credentials.NewStaticCredentialsProvider("a", "b", ""), HTTPClient: patient{},
				Retryer: func() aws.Retryer { return aws.NopRetryer{} },
			}), aws.String("s"), nil)
			put := func() retry.Fault {
				var results []types.PutRecordsResultEntry
				return retry.Classify(stream.Put(t.Context(), requestOf(records(1), &results)))
			}
			fault := put()
			if fault.Class != c.want {
				t.Errorf("the first call: %s, want %s (%s)", fault.Class, c.want, fault)
			}
			if fault.Class != retry.None && c.status != 200 && strings.HasPrefix(c.body, "\xa2") && fault.Message != "why" {
				t.Errorf("the message is %q", fault.Message)
			}
			fault = put()
			if c.json && (fault.Class != retry.None || c.inCBOR != 1) || !c.json && c.inCBOR != 2 {
				t.Errorf("of %d calls %d were in CBOR; the second: %s", c.all, c.inCBOR, fault)
			}
			if diff := c.all - 2; diff != 0 && c.want != retry.None || diff != 1 && c.want == retry.None {
				t.Errorf("%d calls", c.all)
			}
		})
	}
}

func FuzzCBOR(f *testing.F) {
	for _, v := range []any{
		map[string]any{"Records": []map[string]string{{"ShardId": "a"}, {"ErrorCode": "b", "ErrorMessage": "c"}}, "x": cbor.Tag{Number: 1, Content: 1}},
		map[string]any{"__type": "a", "message": "b"},
	} {
		b, err := cbor.Marshal(v)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte("\xbf\x67Records\x9f\xbf\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, answer []byte) {
		if mine, err := parsePutRecordsCBOR(answer, nobody); err == nil {
			var theirs struct{ Records []map[string]any }
			if err := cbor.Unmarshal(answer, &theirs); err == nil && len(theirs.Records) != mine {
				t.Errorf("%d results, another implementation has %d", mine, len(theirs.Records))
			}
		}
		_, _, _ = parseErrorCBOR(answer)
	})
}

func BenchmarkAnswer(b *testing.B) {
	type result struct{ SequenceNumber, ShardId string }
	var all []result
	for i := range 500 {
		all = append(all, result{"49671246667600917366826164893127168236784628374614867970", fmt.Sprintf("shardId-%012d", i%4)})
	}
	answer, err := cbor.Marshal(map[string]any{"FailedRecordCount": 0, "Records": all})
	if err != nil {
		b.Fatal(err)
	}
	one := &Request{Len: 500, Result: func(int, *Result) {}}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := parsePutRecordsCBOR(answer, one); err != nil {
			b.Fatal(err)
		}
	}
}
