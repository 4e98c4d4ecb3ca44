//go:build integration

package integration

import (
	"bufio"
	"bytes"
	"crypto/md5"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

// TestReshard splits and merges the shards of servers that others wrote while kinetail sends to them, and reads the stream back with a decoder that others
// wrote: every line arrives, those of a partition key in order.
func TestReshard(t *testing.T) {
	for _, name := range []string{"kinesis-local", "kinesalite"} {
		for _, aggregate := range []string{"kpl", "none"} {
			t.Run(name+"/"+aggregate, func(t *testing.T) { reshard(t, name, aggregate) })
		}
	}
}

func reshard(t *testing.T, name, aggregate string) {
	const writeFor = 5 * time.Second
	dir := t.TempDir()
	k := startServer(t, dir, name, 2)
	path := filepath.Join(dir, "users.log")
	ship := startKinetail(t, dir, fmt.Sprintf(`
aws {
  region   = %q
  endpoint = %q
}
metrics "cloudwatch" { enabled = false }
flow "users" {
  tail {
    paths    = [%q]
    start_at = "beginning"
  }
  emit "kinesis" {
    stream        = %q
    partition_key = split(" ", record.message)[0]
    order         = "key"
    aggregate     = %q
    max_wait      = "50ms"
  }
}
`, region, k.endpoint, path, stream, aggregate))

	var written []string
	var wait sync.WaitGroup
	wait.Go(func() { written = writeUsers(t, path, writeFor) })
	for i := range 3 {
		time.Sleep(writeFor / 8)
		k.split(i)
		time.Sleep(writeFor / 8)
		k.merge()
	}
	wait.Wait()

	var users []userRecord
	eventually(t, 60*time.Second, "all lines arrive", func() bool {
		users = k.deaggregate()
		seen := map[string]bool{}
		for _, u := range users {
			seen[u.line] = true
		}
		return len(seen) >= len(written)
	})
	ship.stop()
	users = k.deaggregate()
	t.Logf("%d lines in %d Kinesis records, %d shards in all", len(written), users[len(users)-1].In+1, len(k.shards()))

	wanted := map[string]bool{}
	for _, w := range written {
		wanted[w] = true
	}
	last, arrived := map[string]int{}, map[string]bool{}
	repeated, aggregates := 0, 0
	for _, u := range users {
		if arrived[u.line] {
			repeated++
			continue
		}
		arrived[u.line] = true
		if u.Sub != nil {
			aggregates++
		}
		var key string
		var n int
		if _, err := fmt.Sscanf(u.line, "%s %d", &key, &n); err != nil || !wanted[u.line] || key != u.Key {
			t.Fatalf("a record that was not written so: %q with the key %q", u.line, u.Key)
		}
		if n <= last[key] {
			t.Errorf("%s: %d came after %d", key, n, last[key])
		}
		last[key] = n
	}
	if len(arrived) != len(written) {
		t.Errorf("%d of %d lines arrived", len(arrived), len(written))
	}
	if repeated > 0 {
		t.Errorf("%d records came again, though every request was answered", repeated)
	}
	if aggregate == "kpl" && aggregates == 0 {
		t.Error("nothing was aggregated")
	}
	if n := len(k.shards()); n < 2+3*3-1 {
		t.Errorf("only %d shards: too little happened for this to show anything", n)
	}
}

// writeUsers writes numbered lines of 20 users, and rotates the file now and then.
func writeUsers(t *testing.T, path string, d time.Duration) (written []string) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Error(err)
		return nil
	}
	defer func() { f.Close() }()
	next := map[string]int{}
	for end, i := time.Now().Add(d), 0; time.Now().Before(end); i++ {
		var b bytes.Buffer
		for u := range 20 {
			user := fmt.Sprintf("user-%d", u)
			next[user]++
			line := fmt.Sprintf("%s %d %s", user, next[user], strings.Repeat("x", 60))
			written = append(written, line)
			b.WriteString(line + "\n")
		}
		if _, err := f.Write(b.Bytes()); err != nil {
			t.Error(err)
			return nil
		}
		if i%100 == 99 {
			if err := os.Rename(path, fmt.Sprintf("%s.%d", path, i/100)); err != nil {
				t.Error(err)
			}
			f.Close()
			if f, err = os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err != nil {
				t.Error(err)
				return nil
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
	return written
}

// open are the shards that take records.
func (k *server) open() (all []types.Shard) {
	for _, s := range k.shards() {
		if s.SequenceNumberRange.EndingSequenceNumber == nil {
			all = append(all, s)
		}
	}
	return all
}

func number(s *string) *big.Int {
	n, _ := new(big.Int).SetString(*s, 10)
	return n
}

// split divides one of the open shards in its middle.
func (k *server) split(i int) {
	k.t.Helper()
	open := k.open()
	s := open[i%len(open)]
	middle := new(big.Int).Add(number(s.HashKeyRange.StartingHashKey), number(s.HashKeyRange.EndingHashKey))
	middle.Rsh(middle, 1)
	k.change("split", func() error {
		_, err := k.client.SplitShard(k.t.Context(), &kinesis.SplitShardInput{StreamName: aws.String(stream), ShardToSplit: s.ShardId, NewStartingHashKey: aws.String(middle.String())})
		return err
	})
}

// merge makes one of two neighbours.
func (k *server) merge() {
	k.t.Helper()
	open := k.open()
	for _, a := range open {
		for _, b := range open {
			if new(big.Int).Add(number(a.HashKeyRange.EndingHashKey), big.NewInt(1)).Cmp(number(b.HashKeyRange.StartingHashKey)) == 0 {
				k.change("merge", func() error {
					_, err := k.client.MergeShards(k.t.Context(), &kinesis.MergeShardsInput{StreamName: aws.String(stream), ShardToMerge: a.ShardId, AdjacentShardToMerge: b.ShardId})
					return err
				})
				return
			}
		}
	}
	k.t.Fatal("no neighbours to merge")
}

func (k *server) change(what string, do func() error) {
	k.t.Helper()
	if err := do(); err != nil {
		k.t.Fatalf("%s: %v", what, err)
	}
	eventually(k.t, 10*time.Second, "the stream is active after a "+what, k.active)
}

// userRecord is a record as a consumer sees it, after aggregates were taken apart.
type userRecord struct {
	In   int    `json:"in"` // the Kinesis record it was in
	Key  string `json:"key"`
	Sub  *int   `json:"sub"` // its place in the aggregate; nil if it was in none
	Data string `json:"data"`
	line string
}

// deaggregate reads the stream from its beginning, parents before their children, with aws-kinesis-agg, and as the KCL would.
func (k *server) deaggregate() []userRecord {
	k.t.Helper()
	var raw bytes.Buffer
	var in []types.Shard // of each Kinesis record
	for _, s := range k.shards() {
		k.page(*s.ShardId, k.iterator(*s.ShardId), func(r stored) {
			line, err := json.Marshal(map[string]string{
				"data": base64.StdEncoding.EncodeToString(r.Data), "partitionKey": r.PartitionKey, "sequenceNumber": r.SequenceNumber,
			})
			if err != nil {
				k.t.Fatal(err)
			}
			raw.Write(append(line, '\n'))
			in = append(in, s)
		})
	}
	cmd := exec.CommandContext(k.t.Context(), "node", "testdata/deaggregate.js", fromRoot(".cache/aws-kinesis-agg-4.2.8/node_modules/aws-kinesis-agg"))
	cmd.Stdin = &raw
	var problems bytes.Buffer
	cmd.Stderr = &problems
	out, err := cmd.Output()
	if err != nil {
		k.t.Fatalf("aws-kinesis-agg: %v\n%s", err, problems.String())
	}
	var all []userRecord
	lines := bufio.NewScanner(bytes.NewReader(out))
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		if len(lines.Bytes()) == 0 {
			continue
		}
		var u userRecord
		if err := json.Unmarshal(lines.Bytes(), &u); err != nil {
			k.t.Fatal(err)
		}
		data, err := base64.StdEncoding.DecodeString(u.Data)
		if err != nil {
			k.t.Fatal(err)
		}
		u.line = string(data)
		all = append(all, u)
	}
	return asKCL(all, in)
}

// asKCL leaves out what the KCL drops without a word: all of an aggregate in which a key belongs to another shard than the one it was read from. in has the
// shard of each Kinesis record.
func asKCL(all []userRecord, in []types.Shard) []userRecord {
	misplaced := map[int]bool{}
	for _, u := range all {
		sum := md5.Sum([]byte(u.Key))
		hash, r := new(big.Int).SetBytes(sum[:]), in[u.In].HashKeyRange
		if u.Sub != nil && (hash.Cmp(number(r.StartingHashKey)) < 0 || hash.Cmp(number(r.EndingHashKey)) > 0) {
			misplaced[u.In] = true
		}
	}
	return slices.DeleteFunc(all, func(u userRecord) bool { return misplaced[u.In] })
}
