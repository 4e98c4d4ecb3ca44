//go:build chaos

package chaos

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/kinetail/kinetail/emit/awslocal"
	"github.com/kinetail/kinetail/emit/awslocal/readback"
)

const (
	region          = "eu-west-1"
	shutdownTimeout = 5 * time.Second
	maxUnacked      = 1 << 20 // bytes, of each flow
	// unit is the largest batch, in bytes: commits are made in whole batches.
	unit        = 256 << 10
	memoryLimit = 64 << 20
	// recent is how long before a death something may have been acknowledged and not yet committed.
	recent = 4 * time.Second
	// patience is how long nothing may arrive before what is missing is called lost: a refused stream is asked again every 30 s, and a failed flow
	// is started again within a minute.
	patience = 75 * time.Second
)

// flows are the ways to send. %[1]s is the directory of the logs, %[2]s a max_wait.
var flows = []struct {
	name, emit string
	ordered    bool
}{
	{"key", "emit \"kinesis\" {\n    stream        = \"key\"\n    partition_key = file.name\n    order         = \"key\"\n", true},
	{"kpl", "emit \"kinesis\" {\n    stream        = \"kpl\"\n    partition_key = split(\" \", record.message)[0]\n    aggregate     = \"kpl\"\n", true},
	{"lines", "emit \"kinesis\" {\n    stream        = \"lines\"\n    partition_key = file.name\n    aggregate     = \"lines\"\n    order         = \"key\"\n", true},
	{"hose", "emit \"firehose\" {\n    stream    = \"hose\"\n    aggregate = \"lines\"\n", false},
}

func number(t *testing.T, name string, otherwise int) int {
	t.Helper()
	v := os.Getenv(name)
	if v == "" {
		return otherwise
	}
	n, err := strconv.Atoi(v)
	if err != nil || n <= 0 {
		t.Fatalf("%s is %q: a number above 0 is needed", name, v)
	}
	return n
}

// TestChaos runs for CHAOS_SECONDS (180 by default), and then until everything is delivered or nothing more comes. CHAOS_SEED repeats what was drawn,
// as far as processes and clocks allow. With CHAOS_KEEP its directory stays.
func TestChaos(t *testing.T) {
	length := time.Duration(number(t, "CHAOS_SECONDS", 180)) * time.Second
	seed := uint64(number(t, "CHAOS_SEED", int(time.Now().UnixNano()%1e9)+1))
	t.Logf("CHAOS_SEED=%d CHAOS_SECONDS=%d", seed, int(length.Seconds()))
	random := func(stream uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, stream)) }
	dir := directory(t)

	server, err := awslocal.New(awslocal.Options{
		Region: region, Seed: seed, CredentialLifetime: time.Minute,
		Streams:         []awslocal.StreamConfig{{Name: "key", Shards: 3}, {Name: "kpl", Shards: 3}, {Name: "lines", Shards: 2}},
		DeliveryStreams: []awslocal.DeliveryStreamConfig{{Name: "hose"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	endpoint, err := server.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()

	writers := cast(t, dir, random(1))
	var rotators []*rotator
	for _, w := range writers {
		rotators = append(rotators, newRotator(t, dir, w))
	}
	a := &agent{t: t, dir: dir, binary: filepath.Join(dir, "kinetail"), config: filepath.Join(dir, "kinetail.hcl")}
	configure := func(variant int, broken bool) {
		if err := os.WriteFile(a.config, []byte(configuration(dir, endpoint, variant, broken)), 0o600); err != nil {
			t.Error(err)
		}
	}
	configure(0, false)

	ctx, cancel := context.WithTimeout(t.Context(), length)
	defer cancel()
	a.harsh = time.Now().Add(length / 4)
	var running, writing sync.WaitGroup
	for _, w := range writers {
		writing.Go(func() { w.run(ctx) })
	}
	a.start()
	const hands = 3
	for i := range hands {
		var own []*rotator
		for k := i; k < len(rotators); k += hands {
			own = append(own, rotators[k])
		}
		running.Go(func() { rotate(ctx, t, own, random(uint64(10+i))) })
	}
	running.Go(func() { disturb(ctx, server, a.harsh, random(3)) })
	a.play(ctx, configure, random(4))
	running.Wait()
	writing.Wait()
	for _, w := range writers {
		if w.err != nil {
			t.Fatalf("writer %s: %v", w.name, w.err)
		}
	}

	// Everything is well again.
	configure(0, false)
	settle(t, a, server, writers)
	a.stop()
	arrived := stored(t, server)
	a.start() // another life has nothing to send
	time.Sleep(3 * time.Second)
	a.stop()
	j, all := judged(t, a, server, writers)
	if again := stored(t, server) - arrived; again != 0 && a.unfinished == 0 {
		t.Errorf("started again after everything was delivered, kinetail sent %d records", again)
	}
	report(t, a, server, j, all, rotators)
	t.Logf("CHAOS_SEED=%d", seed)
}

func directory(t *testing.T) string {
	t.Helper()
	binary, err := os.ReadFile(filepath.Join("..", "..", "bin", "kinetail"))
	if err != nil {
		t.Fatalf("%v; run make build", err)
	}
	dir := t.TempDir()
	if os.Getenv("CHAOS_KEEP") != "" {
		if dir, err = os.MkdirTemp("", "kinetail-chaos-"); err != nil {
			t.Fatal(err)
		}
		t.Logf("kept: %s", dir)
	}
	// A copy, so that a build meanwhile changes nothing.
	if err := os.WriteFile(filepath.Join(dir, "kinetail"), binary, 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}

// cast gives each flow a fast, a steady, a slow writer and one that writes lines in pieces, and deals out logrotate's modes. One more in each flow holds
// the old body for long.
func cast(t *testing.T, dir string, random *rand.Rand) []*writer {
	t.Helper()
	var all []*writer
	deal := random.Perm(len(modes))
	for i, f := range flows {
		logs := filepath.Join(dir, "log", f.name)
		if err := os.MkdirAll(filepath.Join(logs, "old"), 0o750); err != nil {
			t.Fatal(err)
		}
		fast, steady := 350.0, 60.0
		if f.name == "key" {
			fast, steady = 60, 20 // one record per key and round trip
		}
		for k, w := range []*writer{
			{name: "fast", rate: fast},
			{name: "steady", rate: steady},
			{name: "slow", rate: 0.7},
			{name: "pieces", rate: 1, pieces: true},
			{name: "holds", rate: 30, holds: time.Duration(2+random.IntN(20)) * time.Second},
		} {
			w.flow, w.rand = f.name, rand.New(rand.NewPCG(random.Uint64(), 1))
			w.path, w.flag = filepath.Join(logs, w.name+".log"), filepath.Join(dir, f.name+"-"+w.name+".reopen")
			w.mode = modes[deal[(i*5+k)%len(deal)]]
			if w.holds > 0 && (w.mode.compresses || w.mode.copies) {
				w.mode = modes[[]int{0, 1, 5, 7}[random.IntN(4)]]
			}
			all = append(all, w)
		}
	}
	return all
}

func configuration(dir, endpoint string, variant int, broken bool) string {
	var b strings.Builder
	fmt.Fprintf(&b, "agent {\n  state_dir        = %q\n  listen           = \"off\"\n  shutdown_timeout = %q\n}\n", filepath.Join(dir, "state"), shutdownTimeout)
	fmt.Fprintf(&b, "aws {\n  region   = %q\n  endpoint = %q\n}\nmetrics \"cloudwatch\" {\n  enabled  = true\n  interval = \"1s\"\n}\n", region, endpoint)
	for i, f := range flows {
		logs := filepath.Join(dir, "log", f.name)
		wait := 100
		if i == variant {
			wait += 50 * variant // changes this flow only
		}
		fmt.Fprintf(&b, "flow %q {\n  tail {\n    paths    = [%q]\n    rotated  = [%q]\n    start_at = \"beginning\"\n  }\n  %s    max_wait    = \"%dms\"\n    max_unacked = \"1MiB\"\n  }\n}\n",
			f.name, filepath.Join(logs, "*.log"), filepath.Join(logs, "old", "*"), f.emit, wait)
	}
	if broken {
		b.WriteString("flow \"broken\" {\n  tial {\n")
	}
	return b.String()
}

// stored counts the records in all streams.
func stored(t *testing.T, s *awslocal.Server) int64 {
	t.Helper()
	var n int64
	for _, name := range []string{"key", "kpl", "lines"} {
		shards, err := s.Stats(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, sh := range shards {
			n += sh.Records
		}
	}
	records, _, err := s.DeliveryStats("hose")
	if err != nil {
		t.Fatal(err)
	}
	return n + records
}

// judged reads all streams back.
func judged(t *testing.T, a *agent, s *awslocal.Server, writers []*writer) (*judge, []*verdict) {
	t.Helper()
	j := newJudge(writers, a.endings(), a.harsh)
	for _, f := range flows {
		take := func(key, shard string, data []byte, at time.Time) {
			for _, l := range strings.Split(strings.TrimSuffix(string(data), "\n"), "\n") {
				j.record(arrival{flow: f.name, key: key, shard: shard, data: l, at: at}, f.ordered)
			}
		}
		if f.name == "hose" {
			if err := s.Delivered(f.name, func(r awslocal.Record) bool { take("", "", r.Data, r.Arrival); return true }); err != nil {
				t.Fatal(err)
			}
			continue
		}
		reader := readback.Reader{Endpoint: s.URL()}
		summary, err := reader.Read(t.Context(), f.name, func(r readback.Record) error {
			take(r.PartitionKey, r.Shard, r.Data, r.Arrival)
			return nil
		})
		if err != nil {
			t.Fatalf("read stream %s back: %v", f.name, err)
		}
		if summary.Misplaced > 0 {
			t.Errorf("stream %s: %d records of aggregates stand in a shard where the KCL drops them", f.name, summary.Misplaced)
		}
	}
	all := j.finish(t)
	return j, all
}

// settle waits until every line is there, or nothing has come for a while.
func settle(t *testing.T, a *agent, s *awslocal.Server, writers []*writer) {
	t.Helper()
	before, since := int64(-1), time.Now()
	for {
		time.Sleep(time.Second)
		if n := stored(t, s); n != before {
			before, since = n, time.Now()
			continue
		}
		_, all := judged(t, a, s, writers)
		missing := 0
		for _, v := range all {
			missing += len(v.lost)
		}
		if missing == 0 || time.Since(since) > patience || !a.alive() {
			return
		}
		time.Sleep(3 * time.Second)
	}
}

func report(t *testing.T, a *agent, s *awslocal.Server, j *judge, all []*verdict, rotators []*rotator) {
	t.Helper()
	var b strings.Builder
	table := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "flow\twriter\tlogrotate\trotations\twritten\tlost\tdestroyed\ttorn\trepeated\tout of order\t")
	sum := verdict{}
	disorder, lost, rotations := 0, 0, 0
	for _, v := range all {
		n := 0
		for _, r := range rotators {
			if r.w == v.w {
				n = r.rotations
			}
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t\n", v.w.flow, v.w.name, v.w.mode.name, n, v.written, len(v.lost), v.destroyed, v.torn, v.repeated, len(v.disorder))
		sum.written += v.written
		sum.destroyed += v.destroyed
		sum.torn += v.torn
		sum.repeated += v.repeated
		sum.early = append(sum.early, v.early...)
		disorder += len(v.disorder)
		lost += len(v.lost)
		rotations += n
	}
	fmt.Fprintf(table, "all\t\t\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t\n", rotations, sum.written, lost, sum.destroyed, sum.torn, sum.repeated, disorder)
	table.Flush()
	c := s.Counters()
	repeats, over := j.repeatedAfterDeaths()
	t.Logf("%d starts, %d kills, %d stops (%d left something), %d reloads; %d MiB at most; faults %v, throttled %d\n%s%s",
		a.starts, a.kills, a.stops, a.unfinished, a.reloads, a.maxRSS>>10, c.Faults, c.Throttled, &b, repeats)
	for _, v := range all {
		id := v.w.flow + "/" + v.w.name
		if len(v.lost) > 0 {
			there := bodies(t, v.w)
			first, last := v.lost[0], v.lost[len(v.lost)-1]
			t.Errorf("%s (%s): %d lines are lost, from n=%d (in %q) to n=%d (in %q)", id, v.w.mode.name, len(v.lost), first, cmp.Or(there[first], "no body"), last, cmp.Or(there[last], "no body"))
		}
		if len(v.disorder) > 0 {
			t.Errorf("%s (%s): %d lines are out of order, the first of them: %s", id, v.w.mode.name, len(v.disorder), strings.Join(v.disorder[:min(3, len(v.disorder))], "; "))
		}
	}
	if len(sum.early) > 0 {
		t.Errorf("%d lines were repeated before anything was killed or a request's outcome was unknown:\n%s", len(sum.early), strings.Join(sum.early[:min(len(sum.early), 20)], "\n"))
	}
	for _, o := range over {
		t.Error(o)
	}
	if len(j.foreign) > 0 {
		t.Errorf("%d records are nothing that was written, the first of them in %s with key %q: %.200q", len(j.foreign), j.foreign[0].flow, j.foreign[0].key, j.foreign[0].data)
	}
	for _, l := range a.complaints() {
		if strings.Contains(l, gapReport) && slices.ContainsFunc(all, func(v *verdict) bool { return v.destroyed+v.torn > 0 && strings.Contains(l, "path="+v.w.path+" ") }) {
			continue // it is true
		}
		t.Errorf("kinetail said: %.1000s", l)
	}
	if a.maxRSS<<10 > memoryLimit+32<<20 {
		t.Errorf("kinetail took %d MiB, more than memory_limit + 32 MiB", a.maxRSS>>10)
	}
}
