//go:build integration

package integration

import (
	"fmt"
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

const (
	region = "eu-west-1"
	stream = "web"
	shards = 4
)

// kinesisLocal is the third-party server, with one stream. It is read with the SDK: nothing that kinetail packs with.
type kinesisLocal struct {
	t         *testing.T
	endpoint  string
	client    *kinesis.Client
	iterators map[string]*string // by shard, where the next read starts
	records   []string
}

func startKinesisLocal(t *testing.T, dir string) *kinesisLocal {
	t.Helper()
	port := freePort(t)
	start(t, dir, "kinesis-local", []string{
		fmt.Sprintf("KINESIS_MOCK_PLAIN_PORT=%d", port),
		fmt.Sprintf("KINESIS_MOCK_TLS_PORT=%d", freePort(t)),
		"AWS_REGION=" + region,
		fmt.Sprintf("INITIALIZE_STREAMS=%s:%d", stream, shards),
		"LOG_LEVEL=WARN",
	}, "sh", "-c", `cd "$0" && exec node main.js`, kinesisLocalDir()) // it looks for a file in its working directory
	k := &kinesisLocal{t: t, endpoint: fmt.Sprintf("http://127.0.0.1:%d", port), iterators: map[string]*string{}}
	k.client = kinesis.New(kinesis.Options{
		Region:       region,
		BaseEndpoint: &k.endpoint,
		Credentials:  credentials.NewStaticCredentialsProvider("AKIDREADER", "secret", ""),
	})
	eventually(t, 30*time.Second, "kinesis-local has its stream", func() bool {
		s, err := k.client.DescribeStreamSummary(t.Context(), &kinesis.DescribeStreamSummaryInput{StreamName: aws.String(stream)})
		return err == nil && s.StreamDescriptionSummary.StreamStatus == types.StreamStatusActive
	})
	list, err := k.client.ListShards(t.Context(), &kinesis.ListShardsInput{StreamName: aws.String(stream)})
	if err != nil {
		t.Fatal(err)
	}
	if len(list.Shards) != shards {
		t.Fatalf("kinesis-local made %d shards, not %d", len(list.Shards), shards)
	}
	for _, s := range list.Shards {
		it, err := k.client.GetShardIterator(t.Context(), &kinesis.GetShardIteratorInput{
			StreamName: aws.String(stream), ShardId: s.ShardId, ShardIteratorType: types.ShardIteratorTypeTrimHorizon,
		})
		if err != nil {
			t.Fatal(err)
		}
		k.iterators[*s.ShardId] = it.ShardIterator
	}
	return k
}

// read returns all records of the stream so far, shard by shard as they were first seen.
func (k *kinesisLocal) read() []string {
	k.t.Helper()
	for shard, it := range k.iterators {
		for {
			got, err := k.client.GetRecords(k.t.Context(), &kinesis.GetRecordsInput{ShardIterator: it})
			if err != nil {
				k.t.Fatalf("read shard %s: %v", shard, err)
			}
			it = got.NextShardIterator
			for _, r := range got.Records {
				k.records = append(k.records, string(r.Data))
			}
			if len(got.Records) == 0 {
				break
			}
		}
		k.iterators[shard] = it
	}
	return k.records
}
