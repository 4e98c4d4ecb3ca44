//go:build integration

package integration

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/kinetail/kinetail/emit/wire"
)

// overheard notes how requests and answers are written. It hides the body's WriteTo, as the agent's own client does.
type overheard struct {
	mu    sync.Mutex
	kinds []string
}

func (o *overheard) Do(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		r.Body = struct{ io.ReadCloser }{r.Body}
	}
	answer, err := http.DefaultClient.Do(r)
	if err == nil {
		o.mu.Lock()
		o.kinds = append(o.kinds, r.Header.Get("Content-Type")+" "+answer.Header.Get("Content-Type"))
		o.mu.Unlock()
	}
	return answer, err
}

// Two servers that others have written take PutRecords in CBOR, and what they say of a stream that is not there is understood.
func TestCBOR(t *testing.T) {
	for _, name := range []string{"kinesis-local", "kinesalite"} {
		t.Run(name, func(t *testing.T) {
			k := startServer(t, t.TempDir(), name, shards)
			o := &overheard{}
			client := kinesis.New(kinesis.Options{
				Region: region, BaseEndpoint: &k.endpoint, Credentials: credentials.NewStaticCredentialsProvider("AKIDWRITER", "secret", ""), HTTPClient: o,
				RetryMaxAttempts: 1,
			}, wire.Kinesis)
			in := &kinesis.PutRecordsInput{StreamName: aws.String(stream)}
			var want []string
			for i := range 100 { // of more kinesalite cuts the answer off
				// Short ones are copied into the body, and long ones stand in it by reference.
				line := fmt.Sprintf("%0*d", 10+i%2*6000, i)
				want = append(want, line)
				in.Records = append(in.Records, types.PutRecordsRequestEntry{Data: []byte(line), PartitionKey: aws.String(fmt.Sprintf("key %d", i))})
			}
			out, err := client.PutRecords(t.Context(), in)
			if err != nil {
				t.Fatal(err)
			}
			if len(out.Records) != len(in.Records) || *out.FailedRecordCount != 0 || out.Records[0].ShardId == nil {
				t.Errorf("%d results, %d failed: %+v", len(out.Records), *out.FailedRecordCount, out.Records[0])
			}
			got := slices.Clone(k.read())
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Errorf("%d of %d records are there as they were sent", len(got), len(want))
			}
			in.StreamName = aws.String("missing")
			var missing *types.ResourceNotFoundException
			if _, err := client.PutRecords(t.Context(), in); !errors.As(err, &missing) {
				t.Errorf("a stream that is not there: %v", err)
			}
			const cbor = "application/x-amz-cbor-1.1"
			if !slices.Equal(o.kinds, []string{cbor + " " + cbor, cbor + " " + cbor}) {
				t.Errorf("requests and answers were written in %q", o.kinds)
			}
		})
	}
}
