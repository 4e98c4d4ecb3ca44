package awslocal

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// TestSameAsKinesisLocal makes the same calls to npm's kinesis-local (named by KINESIS_LOCAL_URL) and to this package.
func TestSameAsKinesisLocal(t *testing.T) {
	url := os.Getenv("KINESIS_LOCAL_URL")
	if url == "" {
		t.Skip("KINESIS_LOCAL_URL does not name a running kinesis-local")
	}
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	theirs := services{Config: aws.Config{BaseEndpoint: &url, HTTPClient: client}}
	ours := start(t, Options{NoRates: true})
	name := fmt.Sprint("compare-", time.Now().UnixNano())
	on := func(operation, body string) (a, b map[string]any) {
		t.Helper()
		for s, into := range map[*services]*map[string]any{&ours: &a, &theirs: &b} {
			status, answer := post(t, *s, "Kinesis_20131202."+operation, body)
			*into = map[string]any{}
			if len(answer) > 0 {
				if err := json.Unmarshal([]byte(answer), into); err != nil {
					t.Fatalf("%s: %v in %q", operation, err, answer)
				}
			}
			(*into)["status"] = status
		}
		return a, b
	}
	on("CreateStream", `{"StreamName":"`+name+`","ShardCount":5}`)
	time.Sleep(time.Second) // kinesis-local's streams are CREATING for 500 ms

	// The same keys and explicit hash keys go to the same shards.
	dice := rand.New(rand.NewPCG(1, 2))
	var records []string
	for i := range 500 {
		r := fmt.Sprintf(`{"Data":%q,"PartitionKey":"key-%d"}`, base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "%d", i)), dice.Uint64())
		if i%3 == 0 {
			r = strings.Replace(r, "}", `,"ExplicitHashKey":"`+hashKey{dice.Uint64(), dice.Uint64()}.String()+`"}`, 1)
		}
		records = append(records, r)
	}
	a, b := on("PutRecords", `{"StreamName":"`+name+`","Records":[`+strings.Join(records, ",")+`]}`)
	shards := func(answer map[string]any) (out []string) {
		for _, r := range answer["Records"].([]any) {
			out = append(out, r.(map[string]any)["ShardId"].(string))
		}
		return out
	}
	if x, y := shards(a), shards(b); !slices.Equal(x, y) || len(x) != 500 {
		t.Errorf("different shards:\n%v\n%v", x, y)
	}

	// The same refusals: status and type; texts differ. Left out is where kinesis-local itself differs from the service: it
	// takes empty PutRecords, answers 500 to nonsense in an iterator or a hash key, sends text and untagged times in CBOR,
	// and its ranges begin one below the service's.
	for operation, body := range map[string]string{
		"PutRecords":       `{"StreamName":"none","Records":[{"Data":"YQ==","PartitionKey":"a"}]}`,
		"ListShards":       `{"StreamName":"none"}`,
		"SplitShard":       `{"StreamName":"` + name + `","ShardToSplit":"shardId-000000000099","NewStartingHashKey":"1"}`,
		"MergeShards":      `{"StreamName":"` + name + `","ShardToMerge":"shardId-000000000000","AdjacentShardToMerge":"shardId-000000000003"}`,
		"CreateStream":     `{"StreamName":"` + name + `","ShardCount":1}`,
		"GetShardIterator": `{"StreamName":"` + name + `","ShardId":"shardId-000000000099","ShardIteratorType":"LATEST"}`,
	} {
		a, b := on(operation, body)
		if a["status"] != b["status"] || a["__type"] != b["__type"] || a["message"] == nil {
			t.Errorf("%s:\n%v\n%v", operation, a, b)
		}
	}

	on("DeleteStream", `{"StreamName":"`+name+`"}`)
}
