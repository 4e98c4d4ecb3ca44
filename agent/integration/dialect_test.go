//go:build integration

package integration

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/kinetail/kinetail/emit/wire"
)

// overheard notes how requests and answers are written.
type overheard struct {
	mu    sync.Mutex
	kinds []string
}

func (o *overheard) Do(r *http.Request) (*http.Response, error) {
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
			})
			var want []string
			in := &wire.Request{Record: func(i int) wire.Record { return wire.Record{Data: []byte(want[i]), Key: fmt.Appendf(nil, "key %d", i)} }}
			for i := range 100 { // of more kinesalite cuts the answer off
				// Short ones are copied into the body, and long ones stand in it by reference.
				line := fmt.Sprintf("%0*d", 10+i%2*6000, i)
				want = append(want, line)
			}
			in.Len = len(want)
			stored := 0
			in.Result = func(_ int, r *wire.Result) {
				if len(r.Code) == 0 && strings.HasPrefix(string(r.Shard), "shardId-") {
					stored++
				}
			}
			if err := wire.NewStream(client, aws.String(stream), nil).Put(t.Context(), in); err != nil {
				t.Fatal(err)
			}
			if stored != len(want) {
				t.Errorf("%d of %d records are stored, by the answer", stored, len(want))
			}
			got := slices.Clone(k.read())
			slices.Sort(got)
			sorted := slices.Sorted(slices.Values(want))
			if !slices.Equal(got, sorted) {
				t.Errorf("%d of %d records are there as they were sent", len(got), len(want))
			}
			var missing *types.ResourceNotFoundException
			if err := wire.NewStream(client, aws.String("missing"), nil).Put(t.Context(), in); !errors.As(err, &missing) {
				t.Errorf("a stream that is not there: %v", err)
			}
			const cbor = "application/x-amz-cbor-1.1"
			if !slices.Equal(o.kinds, []string{cbor + " " + cbor, cbor + " " + cbor}) {
				t.Errorf("requests and answers were written in %q", o.kinds)
			}
		})
	}
}
