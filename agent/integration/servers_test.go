//go:build integration

package integration

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

func kinesisLocalDir() string {
	return fromRoot(".cache/kinesis-local-0.6.2/node_modules/kinesis-local")
}

func kinesaliteDir() string { return fromRoot(".cache/kinesalite-3.3.3/node_modules/kinesalite") }

const (
	region = "eu-west-1"
	stream = "web"
	shards = 4
)

// server is a third-party server that speaks Kinesis, with one stream. It is read with the SDK: nothing that kinetail packs with.
type server struct {
	t         *testing.T
	endpoint  string
	client    *kinesis.Client
	iterators map[string]*string // by shard, where the next read starts
	records   []string
}

func startKinesisLocal(t *testing.T, dir string) *server {
	t.Helper()
	return startServer(t, dir, "kinesis-local", shards)
}

// startServer starts kinesis-local or kinesalite, and makes the stream.
func startServer(t *testing.T, dir, name string, shards int32) *server {
	t.Helper()
	port := freePort(t)
	switch name {
	case "kinesis-local":
		start(t, dir, name, []string{
			fmt.Sprintf("KINESIS_MOCK_PLAIN_PORT=%d", port), fmt.Sprintf("KINESIS_MOCK_TLS_PORT=%d", freePort(t)),
			"AWS_REGION=" + region, "LOG_LEVEL=WARN",
		}, "sh", "-c", `cd "$0" && exec node main.js`, kinesisLocalDir()) // it looks for a file in its working directory
	case "kinesalite":
		start(t, dir, name, []string{"AWS_REGION=" + region}, "node", kinesaliteDir()+"/cli.js", "--port", fmt.Sprint(port),
			"--createStreamMs", "50", "--updateStreamMs", "200", "--shardLimit", "100")
	}
	k := &server{t: t, endpoint: fmt.Sprintf("http://127.0.0.1:%d", port), iterators: map[string]*string{}}
	k.client = kinesis.New(kinesis.Options{
		Region:       region,
		BaseEndpoint: &k.endpoint,
		Credentials:  credentials.NewStaticCredentialsProvider("AKIDREADER", "secret", ""),
	})
	made := false
	eventually(t, 30*time.Second, name+" has its stream", func() bool {
		if !made {
			_, err := k.client.CreateStream(t.Context(), &kinesis.CreateStreamInput{StreamName: aws.String(stream), ShardCount: aws.Int32(shards)})
			made = err == nil
		}
		return made && k.active()
	})
	if n := len(k.shards()); n != int(shards) {
		t.Fatalf("%s made %d shards, not %d", name, n, shards)
	}
	return k
}

func (k *server) active() bool {
	s, err := k.client.DescribeStreamSummary(k.t.Context(), &kinesis.DescribeStreamSummaryInput{StreamName: aws.String(stream)})
	return err == nil && s.StreamDescriptionSummary.StreamStatus == types.StreamStatusActive
}

// shards are all shards, closed ones too, in the order of their ids: parents come before their children.
func (k *server) shards() []types.Shard {
	k.t.Helper()
	var all []types.Shard
	in := &kinesis.ListShardsInput{StreamName: aws.String(stream)}
	for range 10 {
		list, err := k.client.ListShards(k.t.Context(), in)
		if err != nil {
			k.t.Fatal(err)
		}
		all = append(all, list.Shards...)
		if list.NextToken == nil {
			break
		}
		in = &kinesis.ListShardsInput{NextToken: list.NextToken}
	}
	slices.SortFunc(all, func(a, b types.Shard) int { return strings.Compare(*a.ShardId, *b.ShardId) })
	return all
}

// iterator is where shard is read from at first.
func (k *server) iterator(shard string) *string {
	k.t.Helper()
	it, err := k.client.GetShardIterator(k.t.Context(), &kinesis.GetShardIteratorInput{
		StreamName: aws.String(stream), ShardId: &shard, ShardIteratorType: types.ShardIteratorTypeTrimHorizon,
	})
	if err != nil {
		k.t.Fatal(err)
	}
	return it.ShardIterator
}

// stored is a record as it is read.
type stored struct {
	PartitionKey, SequenceNumber string
	Data                         data
}

// data is a record's bytes. kinesalite answers in JSON with a Buffer of node for what it was sent in CBOR, which the SDK does not understand.
type data []byte

// UnmarshalJSON implements json.Unmarshaler.
func (d *data) UnmarshalJSON(b []byte) error {
	if b[0] == '"' {
		return json.Unmarshal(b, (*[]byte)(d))
	}
	var buffer struct{ Data []int }
	err := json.Unmarshal(b, &buffer)
	for _, x := range buffer.Data {
		*d = append(*d, byte(x))
	}
	return err
}

// page reads a shard on from an iterator to what is its end now, and hands each record to f.
func (k *server) page(shard string, it *string, f func(stored)) (next *string) {
	k.t.Helper()
	for it != nil {
		body, err := json.Marshal(map[string]any{"ShardIterator": *it})
		if err != nil {
			k.t.Fatal(err)
		}
		req, err := http.NewRequestWithContext(k.t.Context(), http.MethodPost, k.endpoint, bytes.NewReader(body))
		if err != nil {
			k.t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/x-amz-json-1.1")
		req.Header.Set("X-Amz-Target", "Kinesis_20131202.GetRecords")
		req.Header.Set("X-Amz-Date", time.Now().UTC().Format("20060102T150405Z"))
		req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKIDREADER/20260101/"+region+"/kinesis/aws4_request, SignedHeaders=host, Signature=0")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			k.t.Fatal(err)
		}
		var got struct {
			Records           []stored
			NextShardIterator *string
		}
		answer, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err == nil {
			err = json.Unmarshal(answer, &got)
		}
		if err != nil || resp.StatusCode != http.StatusOK {
			k.t.Fatalf("read shard %s: %s, %v: %.300s", shard, resp.Status, err, answer)
		}
		it = got.NextShardIterator
		for _, r := range got.Records {
			f(r)
		}
		if len(got.Records) == 0 {
			break
		}
	}
	return it
}

// read returns all records of the stream so far, shard by shard as they were first seen.
func (k *server) read() []string {
	k.t.Helper()
	if len(k.iterators) == 0 {
		for _, s := range k.shards() {
			k.iterators[*s.ShardId] = k.iterator(*s.ShardId)
		}
	}
	for shard, it := range k.iterators {
		k.iterators[shard] = k.page(shard, it, func(r stored) { k.records = append(k.records, string(r.Data)) })
	}
	return k.records
}
