package plan

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"go.uber.org/goleak"

	"github.com/kinetail/kinetail/agent/config"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The first two are the examples of the documentation.
func TestShards(t *testing.T) {
	for _, tc := range []struct {
		kb, perSecond   float64
		consumers       int
		formula, needed int
	}{
		{1024, 2, 1, 2, 2},
		{1024, 6, 7, 21, 21},
		{0.2, 3000, 1, 3, 3}, // rounded up to 1 KB: 2.93 MB/s
		{0.2, 500, 1, 1, 1},
		{0.2, 1001, 1, 1, 2}, // below 1 MB/s, but more than 1,000 records
		{1, 1024, 1, 1, 2},
		{1.5, 1024, 1, 2, 2},
		{1, 1024, 5, 3, 3}, // reading 5 MB/s
		{0, 0, 1, 1, 1},
	} {
		if formula, needed := Shards(tc.kb, tc.perSecond, tc.consumers); formula != tc.formula || needed != tc.needed {
			t.Errorf("%v KB, %v/s, %d consumers: %d and %d, want %d and %d", tc.kb, tc.perSecond, tc.consumers, formula, needed, tc.formula, tc.needed)
		}
	}
}

func TestCounting(t *testing.T) {
	for _, tc := range []struct{ unit, n, units, rounded int64 }{
		{onDemandUnit, 1, 1, 1024},
		{onDemandUnit, 25600, 1, 25600},
		{onDemandUnit, 25601, 2, 26624},
		{firehoseUnit, 1, 1, 5120},
		{firehoseUnit, 5120, 1, 5120},
		{firehoseUnit, 5121, 1, 10240},
	} {
		c := counter{unit: tc.unit}
		c.add(int(tc.n))
		if c.units != tc.units || c.rounded != tc.rounded {
			t.Errorf("%d bytes: %d units, %d bytes, want %d and %d", tc.n, c.units, c.rounded, tc.units, tc.rounded)
		}
	}
}

func planned(t *testing.T, hcl, log string, o Options) (*Flow, error) {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "app.log")
	if err := os.WriteFile(path, []byte(log), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, diags := config.Parse("k.hcl", []byte(strings.ReplaceAll(hcl, "@LOG@", path)), config.Options{})
	if diags.HasErrors() {
		var b strings.Builder
		_ = diags.WriteText(&b, config.TextOptions{})
		t.Fatal(b.String())
	}
	if o.Sample == 0 {
		o.Sample = 1 << 20
	}
	if o.Hosts == 0 {
		o.Hosts = 1
	}
	o.Consumers, o.Peak, o.Prices = max(o.Consumers, 1), 1, DefaultPrices()
	return Make(t.Context(), cfg, cfg.Flows[0], o)
}

const plain = "flow \"a\" {\n tail { paths = [\"@LOG@\"] }\n emit \"kinesis\" { stream = \"s\" }\n}\n"

// Lines of 100 bytes, line end included, of which 99 are sent: what is to be counted can be said by hand.
func hundreds(n int) string { return strings.Repeat(strings.Repeat("x", 99)+"\n", n) }

func near(t *testing.T, what string, got, want float64) {
	t.Helper()
	if math.Abs(got-want) > math.Abs(want)/1000 {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func TestVolumes(t *testing.T) {
	f, err := planned(t, plain, hundreds(5000), Options{Rate: &Rate{Lines: 1000, From: "--rate"}, Hosts: 3, Consumers: 2})
	if err != nil {
		t.Fatal(err)
	}
	near(t, "bytes a second", f.BytesPerSecond, 100_000)
	none := f.Emits[0].Variants[0]
	if none.Aggregate != "none" || !none.Configured || none.Shards != 3 || none.ShardsFormula != 3 {
		t.Errorf("%+v", none)
	}
	near(t, "records a second", none.RecordsPerSecond, 3000)
	near(t, "average", none.AverageBytes, 99)
	near(t, "PUT units", none.Month.PutUnits, 3000*MonthSeconds)
	near(t, "GB", none.Month.GB, 3000.*99*MonthSeconds/gb)
	near(t, "billed GB", none.Month.BilledGB, 3000.*1024*MonthSeconds/gb)
	near(t, "provisioned", none.Month.Provisioned, 3*730*0.015+3000*MonthSeconds/1e6*0.014)
	near(t, "on demand", none.Month.OnDemand, 730*0.04+3000.*1024*MonthSeconds/gb*0.08+2*3000.*99*MonthSeconds/gb*0.04)
	kpl := find(t, f.Emits[0].Variants, "kpl", 25<<10, 1)
	// 1,000 lines come within max_wait: 99,000 bytes in records of up to 25,600.
	if kpl.LinesPerRecord < 150 || kpl.LinesPerRecord > 251 || kpl.AverageBytes > 25600 || kpl.Month.Saved <= 0 || kpl.Shards != 1 {
		t.Errorf("%+v", kpl)
	}
	near(t, "units of packed records", kpl.Month.PutUnits, kpl.RecordsPerSecond*MonthSeconds)
}

func find(t *testing.T, all []Variant, aggregate string, size int64, wait float64) Variant {
	t.Helper()
	for _, v := range all {
		if v.Aggregate == aggregate && v.Size == size && v.MaxWait == wait {
			return v
		}
	}
	t.Fatalf("no %s of %d in %+v", aggregate, size, all)
	return Variant{}
}

// A slow host has no more for an aggregate than what comes within max_wait.
func TestSlowHostsPackLittle(t *testing.T) {
	f, err := planned(t, plain, hundreds(4500), Options{Rate: &Rate{Lines: 10}})
	if err != nil {
		t.Fatal(err)
	}
	near(t, "lines in a record", find(t, f.Emits[0].Variants, "kpl", 50<<10, 1).LinesPerRecord, 10)
	near(t, "lines in a record", find(t, f.Emits[0].Variants, "kpl", 50<<10, 15).LinesPerRecord, 150)
}

// What packing lines of 200 bytes saves at full speed, of PUT units and of Firehose's volume.
func TestWhatPackingSaves(t *testing.T) {
	log := strings.Repeat(strings.Repeat("x", 199)+"\n", 5000)
	o := Options{Rate: &Rate{Lines: 5000}}
	f, err := planned(t, plain, log, o)
	if err != nil {
		t.Fatal(err)
	}
	none, kpl := f.Emits[0].Variants[0], find(t, f.Emits[0].Variants, "kpl", 25<<10, 1)
	if ratio := none.Month.PutUnits / kpl.Month.PutUnits; ratio < 110 || ratio > 125 {
		t.Errorf("1/%v of the PUT units", ratio)
	}
	f, err = planned(t, strings.ReplaceAll(plain, "kinesis", "firehose"), log, o)
	if err != nil {
		t.Fatal(err)
	}
	none, lines := f.Emits[0].Variants[0], find(t, f.Emits[0].Variants, "lines", 50<<10, 1)
	if ratio := none.Month.BilledGB / lines.Month.BilledGB; ratio < 24 || ratio > 26 {
		t.Errorf("1/%v of the volume", ratio)
	}
}

func TestFirehoseAndSteps(t *testing.T) {
	const hcl = "flow \"a\" {\n tail { paths = [\"@LOG@\"] }\n parse \"json\" {}\n filter { drop = record.n == 1 }\n emit \"firehose\" { stream = \"s\" }\n emit \"stdout\" {}\n}\n"
	f, err := planned(t, hcl, strings.Repeat("{\"n\":1}\n{\"n\":2}\n", 2000), Options{Rate: &Rate{Lines: 2000}})
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Emits) != 1 {
		t.Fatalf("%+v", f.Emits)
	}
	e := f.Emits[0]
	near(t, "kept", e.Kept, 0.5)
	near(t, "billed GB", e.Variants[0].Month.BilledGB, 1000.*5120*MonthSeconds/gb)
	lines := find(t, e.Variants, "lines", 5<<10, 1)
	near(t, "lines in a record", lines.LinesPerRecord, 500) // 640 of 8 bytes fit, in 1,000 a second: 640 and 360
}

func TestRates(t *testing.T) {
	const hcl = "flow \"a\" {\n tail { paths = [\"@LOG@\"] }\n parse \"combined\" {}\n emit \"kinesis\" { stream = \"s\" }\n}\n"
	var log strings.Builder
	for i := range 601 {
		fmt.Fprintf(&log, "10.0.0.1 - - [25/Nov/2026:10:%02d:%02d +0000] \"GET / HTTP/1.1\" 200 1 \"-\" \"-\"\n", i/2/60, i/2%60)
	}
	f, err := planned(t, hcl, log.String(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if near(t, "rate", f.Rate.Lines, 601./300); f.Rate.From != "time stamps in the lines" {
		t.Errorf("%+v", f.Rate)
	}
	if _, err := planned(t, plain, hundreds(10), Options{}); err == nil || !strings.Contains(err.Error(), "--rate a=LINES-A-SECOND") {
		t.Errorf("%v", err)
	}
	now := time.Now()
	parts := []part{{size: 5000, birth: now.Add(-time.Minute), changed: now.Add(-30 * time.Second)}, {size: 1000, birth: now.Add(-30 * time.Second), changed: now}}
	if r, ok := fileRate(parts, 100); !ok || math.Abs(r.Lines-1) > 0.001 || !strings.Contains(r.From, "files were made") {
		t.Errorf("%+v %v", r, ok)
	}
	parts[0].birth = now // a copy: it says nothing
	if _, ok := fileRate(parts, 100); ok {
		t.Error("a file that was made after it was changed last tells nothing")
	}
}

func TestTextFits(t *testing.T) {
	f, err := planned(t, plain, hundreds(5000), Options{Rate: &Rate{Lines: 1234, From: "--rate"}, Hosts: 2000})
	if err != nil {
		t.Fatal(err)
	}
	o := Options{Hosts: 2000, Consumers: 1}
	for _, width := range []int{80, 120} {
		var b strings.Builder
		if err := f.WriteText(&b, &o, width); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(b.String()) {
			if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > width {
				t.Errorf("%d columns: %s", n, line)
			}
		}
		if bars := strings.Contains(b.String(), "█"); bars != (width == 120) {
			t.Errorf("bars in %d columns: %v", width, bars)
		}
	}
}

func TestPrices(t *testing.T) {
	p := DefaultPrices()
	if err := p.Set("shard-hour=0.02"); err != nil || p.ShardHour != 0.02 {
		t.Errorf("%v %v", err, p)
	}
	for _, wrong := range []string{"shards=1", "shard-hour", "shard-hour=-1", "shard-hour=x"} {
		if err := p.Set(wrong); err == nil {
			t.Error(wrong)
		}
	}
}
