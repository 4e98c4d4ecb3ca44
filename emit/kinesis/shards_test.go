package kinesis

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/kinetail/kinetail/emit/awslocal"
	"github.com/kinetail/kinetail/emit/lane"
)

func TestParseDecimal(t *testing.T) {
	for range 1000 {
		h := lane.Hash{Hi: rand.Uint64() >> rand.IntN(65), Lo: rand.Uint64() >> rand.IntN(65)}
		if got, ok := parseDecimal(decimal(h)); !ok || got != h {
			t.Fatalf("%+v came back as %+v, %v", h, got, ok)
		}
	}
	for _, bad := range []string{"", "x", "-1", "1.5", "340282366920938463463374607431768211456", "999999999999999999999999999999999999999", "0000000000000000000000000000000000000000"} {
		if h, ok := parseDecimal(bad); ok {
			t.Errorf("%q is taken for %+v", bad, h)
		}
	}
}

func TestShardMap(t *testing.T) {
	at := func(hi, lo uint64) lane.Hash { return lane.Hash{Hi: hi, Lo: lo} }
	whole := []shard{{"b", at(1<<63, 0), maxHash}, {"a", at(0, 0), at(1<<63-1, 1<<64-1)}}
	m, err := newShardMap(whole, 1.5)
	if err != nil {
		t.Fatal(err)
	}
	if m.Lanes() != 2 || m.Lane(at(0, 0)) != 0 || m.Lane(at(1<<63-1, 1<<64-1)) != 0 || m.Lane(at(1<<63, 0)) != 1 || m.Lane(maxHash) != 1 {
		t.Error("hashes are in the wrong lanes")
	}
	for i := range 2 {
		for range 100 {
			if m.Lane(hashKey(m.Key(i))) != i {
				t.Fatal("a random key is in the wrong lane")
			}
		}
	}
	if r := m.Rate(); r.Records != 1500 || r.Bytes != 1.5*(1<<20) {
		t.Errorf("rate %+v", r)
	}
	for name, shards := range map[string][]shard{
		"none":     nil,
		"a hole":   {{"a", at(0, 0), at(5, 0)}, {"b", at(6, 0), maxHash}},
		"overlap":  {{"a", at(0, 0), at(5, 0)}, {"b", at(5, 0), maxHash}},
		"no begin": {{"a", at(0, 1), maxHash}},
		"no end":   {{"a", at(0, 0), at(5, 0)}},
		"twice":    {{"a", at(0, 0), maxHash}, {"b", at(0, 0), maxHash}},
	} {
		if _, err := newShardMap(shards, 1); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// eventually waits for a condition that another goroutine brings about, without a guess of how long it takes.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("this never came true: " + what)
		}
	}
}

func openShards(t *testing.T, client *kinesis.Client) []types.Shard {
	t.Helper()
	out, err := client.ListShards(t.Context(), &kinesis.ListShardsInput{
		StreamName: aws.String("s"), ShardFilter: &types.ShardFilter{Type: types.ShardFilterTypeAtLatest},
	})
	if err != nil {
		t.Fatal(err)
	}
	return out.Shards
}

// split halves the first open shard.
func split(t *testing.T, client *kinesis.Client) {
	t.Helper()
	s := openShards(t, client)[0]
	from, _ := parseDecimal(*s.HashKeyRange.StartingHashKey)
	to, _ := parseDecimal(*s.HashKeyRange.EndingHashKey)
	_, err := client.SplitShard(t.Context(), &kinesis.SplitShardInput{
		StreamName: aws.String("s"), ShardToSplit: s.ShardId,
		NewStartingHashKey: aws.String(decimal(lane.Hash{Hi: from.Hi + (to.Hi-from.Hi)/2 + 1})),
	})
	if err != nil {
		t.Fatal(err)
	}
}

func merge(t *testing.T, client *kinesis.Client) {
	t.Helper()
	s := openShards(t, client)
	for i := range s {
		end, _ := parseDecimal(*s[i].HashKeyRange.EndingHashKey)
		for k := range s {
			start, _ := parseDecimal(*s[k].HashKeyRange.StartingHashKey)
			if end.Lo == 1<<64-1 && start == (lane.Hash{Hi: end.Hi + 1}) && start.Hi != 0 {
				if _, err := client.MergeShards(t.Context(), &kinesis.MergeShardsInput{
					StreamName: aws.String("s"), ShardToMerge: s[i].ShardId, AdjacentShardToMerge: s[k].ShardId,
				}); err != nil {
					t.Fatal(err)
				}
				return
			}
		}
	}
	t.Fatal("no two neighbours")
}

// TestReshard splits and merges while records are sent: nothing is lost, order is kept, and the map follows.
func TestReshard(t *testing.T) {
	s, client := local(t, awslocal.Options{NoRates: true}, 2)
	dir := t.TempDir()
	d := destination(t, client, func(o *options) { o.Order, o.StateDir, o.MaxWait = "key", dir, 5*time.Millisecond })
	sender := d.sender
	listed(t, d)

	var all [][2]string
	n := 0
	more := func() {
		records := numbered(300, 40)
		for i := range records {
			records[i][1] = fmt.Sprintf("%s|%06d", records[i][0], n)
			n++
		}
		all = append(all, records...)
		put(t, d, records)
	}
	for round := range 6 {
		more()
		if round%3 == 2 {
			merge(t, client)
		} else {
			split(t, client)
		}
		more()
	}
	flush(t, d)
	more()
	eventually(t, "the map is that of the stream", func() bool {
		more()
		flush(t, d)
		return sender.shards.newest.Load().Lanes() == len(openShards(t, client))
	})
	verify(t, s, d, all, true)

	kept, err := os.ReadFile(filepath.Join(dir, "shards", "s.json"))
	if err != nil || len(kept) == 0 {
		t.Errorf("the list is not kept: %v", err)
	}
	again := newShardList(&Options{StateDir: dir, Log: slog.Default()}, client, nil, nil, "s", nil)
	if m := again.load(); m == nil || !m.equal(sender.shards.newest.Load()) {
		t.Error("the next start does not find the list")
	}
}

// TestNoPermissionToList: without ListShards everything works, by hash lanes.
func TestNoPermissionToList(t *testing.T) {
	s, client := local(t, awslocal.Options{NoRates: true}, 4)
	s.SetFaults(awslocal.Fault{Kind: awslocal.Error, Service: "kinesis", Operation: "ListShards", Code: "AccessDeniedException"})
	d := destination(t, client, func(o *options) { o.Order = "key" })
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if m := d.sender.shards.refresh(ctx); m != nil {
		t.Errorf("a map of %d shards", m.Lanes())
	}
	records := numbered(1000, 100)
	acked := put(t, d, records)
	flush(t, d)
	if acked() != 10 {
		t.Errorf("%d batches acknowledged", acked())
	}
	verify(t, s, d, records, true)
}

// listed asks for the list of shards now, which otherwise comes within two seconds, and waits for it.
func listed(t *testing.T, d *joined) {
	t.Helper()
	d.sender.shards.wrong()
	eventually(t, "the shards are listed", func() bool { return d.sender.shards.newest.Load() != nil })
}

// TestListIsThereSoon: without a list from the last run it is asked for at once, for until then only the records of one key are packed together;
// again soon if that failed for a reason that passes, and not if it is not allowed. With one there is time.
func TestListIsThereSoon(t *testing.T) {
	for _, c := range []struct {
		name   string
		fault  string
		lists  int64 // calls within the first second, and
		minute int64 // within the first minute, at most
	}{
		{"first start", "", 1, 1},
		{"throttled", "LimitExceededException", 1, 15},
		{"not allowed", "AccessDeniedException", 1, 1},
		{"second start", "", 0, 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			s, client := processed(t, 4, false)
			defer s.Close()
			dir := t.TempDir()
			if c.name == "second start" {
				if err := os.MkdirAll(filepath.Join(dir, "shards"), 0o700); err != nil {
					t.Fatal(err)
				}
				l := newShardList(&Options{StateDir: dir, Log: slog.Default()}, client, aws.String("s"), nil, "s", func(*shardMap) {})
				if l.refresh(t.Context()) == nil {
					t.Fatal("no list")
				}
			}
			before := s.Counters().Requests["kinesis.ListShards"]
			calls := func() int64 { return s.Counters().Requests["kinesis.ListShards"] - before }
			if c.fault != "" {
				s.SetFaults(awslocal.Fault{Kind: awslocal.Error, Operation: "ListShards", Code: c.fault, For: 50 * time.Second})
			}
			d := destination(t, client, func(o *options) { o.StateDir = dir })
			defer d.Close()
			if known := d.sender.shards.newest.Load() != nil; known != (c.name == "second start") {
				t.Errorf("%s: known at once: %v", c.name, known)
			}
			time.Sleep(time.Second)
			if n := calls(); n < c.lists || c.fault == "" && n > 1 || n > 2 {
				t.Errorf("%s: %d calls in the first second, want %d", c.name, n, c.lists)
			}
			time.Sleep(time.Minute)
			if n := calls(); n < 1 || n > c.minute {
				t.Errorf("%s: %d calls in the first minute, want %d at most", c.name, n, c.minute)
			}
			if c.fault == "LimitExceededException" {
				time.Sleep(time.Minute)
			}
			if known := d.sender.shards.newest.Load() != nil; known != (c.fault != "AccessDeniedException") {
				t.Errorf("%s: known in the end: %v", c.name, known)
			}
		})
	}
}
