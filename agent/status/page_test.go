package status

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

var noon = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

// scene is a quarter of an hour of an agent with two flows. change alters the snapshot of a moment, ago seconds before noon.
func scene(change func(s *Snapshot, ago float64)) (*Snapshot, *History) {
	h := &History{}
	var s *Snapshot
	for ago := 900.0; ago >= 0; ago -= sampleEvery.Seconds() {
		at := noon.Add(-time.Duration(ago * float64(time.Second)))
		sent := int64((900 - ago) * 2400)
		wave := 1 + 0.35*math.Sin(ago/70) + 0.12*math.Sin(ago/11)
		delivery := Distribution{Sum: sent * 900, Classes: []Class{{640, 768, sent * 6 / 10}, {896, 1024, sent * 38 / 100}, {1792, 2048, sent / 50}}}
		s = &Snapshot{
			Version: "1.4.0", PID: 4711, Started: noon.Add(-77 * time.Hour), Store: Store{Dir: "/var/lib/kinetail"},
			Flows: []Flow{{
				Name: "access", State: StateRunning, FilesFollowed: 6, LagBytes: int64(610_000 * wave), LagSeconds: 0.9 * wave,
				Dropped: Dropped{Filtered: 9310},
				Files: []File{
					{Path: "/var/log/nginx/shop.example.com.access.log", Size: 734_003_200, Committed: 733_400_000, LagSeconds: 0.9, State: "following"},
					{Path: "/var/log/nginx/api.example.com.access.log", Size: 94_003_200, Committed: 94_003_200, State: "following"},
					{Path: "/var/log/nginx/shop.example.com.access.log", Names: []string{"/var/log/nginx/shop.example.com.access.log.1"}, Size: 998_003_200, Committed: 998_003_200, State: "drained"},
				},
				Destinations: []Destination{{
					Name: "kinesis", Kind: "kinesis", Metric: "KinesisStream:clickstream", QueuedBytes: 310_000, QueuedRecords: 1100,
					Counters:      map[string]int64{"RecordsSent": sent + 20_000_000, "BytesSent": int64(float64(sent) * 260), "RecordsRetried": 3},
					Distributions: map[string]Distribution{"DeliveryLatency": delivery},
				}, {
					Name: "firehose", Kind: "firehose", Metric: "DeliveryStream:archive",
					Counters: map[string]int64{"RecordsSent": sent + 20_000_000, "BytesSent": int64(float64(sent)*261 + 90_000*math.Sin(ago/40))},
				}},
			}, {
				Name: "app", State: StateRunning, FilesFollowed: 214,
				Files: []File{{Path: "/srv/app/log/worker-17.log", Size: 52_113_408, Committed: 52_113_408, State: "following"}},
				Destinations: []Destination{{
					Name: "kinesis", Kind: "kinesis", Metric: "KinesisStream:app-events",
					Counters: map[string]int64{"RecordsSent": sent / 40, "BytesSent": sent * 11},
				}},
			}},
		}
		if change != nil {
			change(s, ago)
		}
		h.add(s, at)
	}
	return s, h
}

func throttled(s *Snapshot, ago float64) {
	f := &s.Flows[0]
	d := &f.Destinations[0]
	if ago > 600 {
		return
	}
	over := 600 - ago
	f.LagSeconds = 0.9 + over*0.62
	f.LagBytes = 610_000 + int64(over*210_000)
	d.Counters["RecordsThrottled"] = int64(over * 340)
	d.Counters["RecordsRetried"] = int64(over * 340)
	d.Counters["BytesSent"] -= int64(over * 210_000)
	d.LastError = "ProvisionedThroughputExceededException: Rate exceeded for shard shardId-000000000001"
	at := noon.Add(-2 * time.Second)
	d.LastErrorTime = &at
	f.Files[0].Committed = f.Files[0].Size - f.LagBytes
	f.Files[0].LagSeconds = f.LagSeconds
}

func denied(s *Snapshot, ago float64) {
	f := &s.Flows[1]
	d := &f.Destinations[0]
	if ago > 420 {
		return
	}
	since := noon.Add(-420 * time.Second)
	d.CircuitOpen, d.CircuitSince = true, &since
	d.CircuitReason = "AccessDeniedException: User: arn:aws:sts::123456789012:assumed-role/web/i-0abc is not authorized to perform: kinesis:PutRecords on resource: arn:aws:kinesis:eu-west-1:123456789012:stream/app-events because no identity-based policy allows the action: allow kinesis:PutRecords on the stream to the role"
	f.LagSeconds, f.LagBytes = 420-ago, int64((420-ago)*26_000)
	d.Counters["BytesSent"], d.Counters["RecordsSent"] = 480*2400*11, 480*60
	f.Files[0].Committed -= f.LagBytes
	f.Files[0].LagSeconds = f.LagSeconds
	f.Files = append(f.Files, File{Path: "/srv/app/log/private.log", State: "open /srv/app/log/private.log: permission denied"})
}

func TestHistoryMakesRates(t *testing.T) {
	s, h := scene(throttled)
	h.Fill(s, noon.Add(time.Second))
	r := s.Flows[0].Destinations[0].Recent
	if r == nil || r.Seconds < 55 || r.Seconds > 66 || r.Throttled < 340*50 || r.P50 < 640 || r.P50 > 768 || r.P99 < 1792 || r.P99 > 2048 {
		t.Fatalf("%+v", r)
	}
	if got := float64(r.Records) / r.Seconds; got < 2200 || got > 2500 {
		t.Errorf("%v records a second", got)
	}
	if trend := s.Flows[0].LagTrend; trend < 190_000 || trend > 220_000 {
		t.Errorf("lag grows by %v bytes a second", trend)
	}
	if n := len(h.samples); n > int(historyFor/sampleEvery)+1 {
		t.Errorf("%d samples", n)
	}
	kept := 0
	for i := range h.samples {
		if len(h.samples[i].flows[0].destinations[0].delivery.Classes) > 0 {
			kept++
		}
	}
	if kept > 15 {
		t.Errorf("%d samples keep their distributions", kept)
	}
	empty := &History{}
	if s := empty.Fill(sample(), noon); s.Flows[0].Destinations[0].Recent != nil {
		t.Error("rates out of nothing")
	}
}

// A flow that a reload has added, or whose counters began anew, has no rates until it has two samples.
func TestHistoryOfAChangedConfiguration(t *testing.T) {
	_, h := scene(nil)
	s := sample()
	h.Fill(s, noon.Add(time.Second))
	if s.Flows[0].Destinations[0].Recent != nil {
		t.Error("a new flow has rates")
	}
	h.add(s, noon.Add(2*time.Second))
	if points := h.lag("web", noon.Add(2*time.Second)); len(points) != 1 {
		t.Errorf("%v", points)
	}
}

func TestProblems(t *testing.T) {
	at := noon.Add(-time.Second)
	for name, c := range map[string]struct {
		change func(*Snapshot)
		want   []string // the first words of each problem, in order
	}{
		"nothing":             {func(*Snapshot) {}, nil},
		"configuration":       {func(s *Snapshot) { s.ConfigError = "x.hcl:3: no" }, []string{"wrong: the configuration on disk is not in force"}},
		"the state directory": {func(s *Snapshot) { s.Store.Error = "no space left" }, []string{"wrong: positions cannot be written"}},
		"a flow that fails":   {func(s *Snapshot) { s.Flows[0].State, s.Flows[0].Error = StateFailed, "no region" }, []string{"wrong: flow access has failed: no region"}},
		"denied, and worse things first": {func(s *Snapshot) {
			denied(s, 0)
			s.Flows[0].FileGaps, s.Flows[0].GapBytes = 2, 5000
			s.Metrics = &Metrics{Denied: "AccessDenied"}
		}, []string{
			"wrong: flow app: stream app-events takes nothing since 11:53:00 UTC: AccessDeniedException", "wrong: flow app: a file cannot be read: open /srv/app/log/private.log: permission denied",
			"note: flow access: 4.9 KiB were lost in 2 places", "note: CloudWatch does not accept metrics",
		}},
		"throttled and late":            {func(s *Snapshot) { throttled(s, 0) }, []string{"slow: flow access: stream clickstream refuses records for the rate"}},
		"throttled, and falling behind": {func(s *Snapshot) { throttled(s, 570) }, []string{"slow: flow access: stream clickstream refuses records for the rate"}},
		"throttled and in time":         {func(s *Snapshot) { throttled(s, 599) }, []string{"note: flow access: stream clickstream refused"}},
		"unreachable": {func(s *Snapshot) {
			d := &s.Flows[0].Destinations[0]
			d.Counters["RecordsSent"], d.LastError, d.LastErrorTime = 0, "dial tcp: no route to host", &at
		}, []string{"wrong: flow access: stream clickstream has taken nothing for 56 s: dial tcp"}},
		"dead letters cannot be written": {func(s *Snapshot) {
			s.Flows[0].Destinations[1].Waits, s.Flows[0].LagSeconds = "the dead-letter file has reached max_size", 3700
		}, []string{"wrong: flow access waits, for dead letters of delivery stream archive cannot be written: the dead-letter file has reached max_size"}},
		"late, nobody knows why": {func(s *Snapshot) { s.Flows[0].LagSeconds = 3700 }, []string{"slow: flow access is 1 h 1 min behind"}},
		"dead letters":           {func(s *Snapshot) { s.Flows[0].Destinations[1].Counters["RecordsDeadLettered"] = 3 }, []string{"note: flow access: 3 records for delivery stream archive"}},
	} {
		t.Run(name, func(t *testing.T) {
			s, h := scene(nil)
			if name == "unreachable" {
				for i := range h.samples {
					h.samples[i].flows[0].destinations[0].records = 0
				}
			}
			c.change(s)
			h.Fill(s, noon.Add(time.Second))
			var got []string
			for _, p := range s.Problems(noon) {
				got = append(got, p.Severity+": "+p.What)
				if p.Severity != Note && p.Next == "" {
					t.Errorf("%q says not what to do", p.What)
				}
			}
			if len(got) != len(c.want) {
				t.Fatalf("got %q", got)
			}
			for i := range got {
				if !strings.HasPrefix(got[i], c.want[i]) {
					t.Errorf("got %q, want %q", got[i], c.want[i])
				}
			}
		})
	}
}

func TestThePageEscapesEverything(t *testing.T) {
	const evil = `<script>alert(1)</script>"'&`
	s, h := scene(func(s *Snapshot, ago float64) { throttled(s, ago); denied(s, ago) })
	s.Version, s.Store.Dir, s.ConfigError, s.Store.Error = evil, evil, evil, evil
	for i := range s.Flows {
		f := &s.Flows[i]
		f.Name, f.State, f.Error = evil, evil, evil
		f.Files = append(f.Files, File{Path: evil, Names: []string{evil}, State: evil})
		f.Skipped = []Skipped{{Path: evil, Reason: evil}}
		for j := range f.Destinations {
			d := &f.Destinations[j]
			d.Name, d.Metric, d.CircuitReason, d.LastError = evil, "KinesisStream:"+evil, evil, evil
		}
	}
	text := string(Page(s, h, evil, noon))
	if strings.Contains(text, "<script>alert") || strings.Count(text, "<script>") != 1 || !strings.Contains(text, "&lt;script&gt;alert") {
		t.Error("not escaped")
	}
	if strings.Contains(text, ` style="`) || strings.Contains(text, "http://") || strings.Contains(text, "https://") {
		t.Error("something that the policy forbids")
	}
	if !strings.Contains(text, `<noscript><meta http-equiv="refresh" content="5"></noscript>`) {
		t.Error("without JavaScript it grows old")
	}
	if text := string(PageError(errors.New(evil))); strings.Contains(text, "<script>alert") {
		t.Error("not escaped in the error")
	}
}

func TestWhoGetsThePage(t *testing.T) {
	render := func(context.Context) ([]byte, error) { return []byte("the page"), nil }
	for _, c := range []struct {
		configured, host, method, path string
		headers                        map[string]string
		want                           int
	}{
		{"127.0.0.1:9465", "127.0.0.1:9465", "GET", "/", nil, 200},
		{"127.0.0.1:9465", "127.0.0.1:9465", "HEAD", "/", nil, 200},
		{"127.0.0.1:9465", "localhost:8000", "GET", "/", nil, 200}, // through ssh -L
		{"127.0.0.1:9465", "[::1]:9465", "GET", "/", nil, 200},
		{"localhost:9465", "LOCALHOST.", "GET", "/", nil, 200},
		{"127.0.0.1:9465", "evil.example:9465", "GET", "/", nil, 421}, // DNS rebinding
		{"127.0.0.1:9465", "127.0.0.1.evil.example", "GET", "/", nil, 421},
		{"127.0.0.1:9465", "10.0.0.1:9465", "GET", "/", nil, 421},
		{"127.0.0.1:9465", "", "GET", "/", nil, 421},
		{"0.0.0.0:9465", "10.0.0.1:9465", "GET", "/", nil, 200},
		{"0.0.0.0:9465", "evil.example:9465", "GET", "/", nil, 421},
		{"logs.example:9465", "logs.example:9465", "GET", "/", nil, 200},
		{"127.0.0.1:9465", "127.0.0.1:9465", "POST", "/", nil, 405},
		{"127.0.0.1:9465", "127.0.0.1:9465", "GET", "/v1/drain", nil, 404},
		{"127.0.0.1:9465", "127.0.0.1:9465", "GET", "/", map[string]string{"Origin": "https://evil.example"}, 403},
		{"127.0.0.1:9465", "127.0.0.1:9465", "GET", "/", map[string]string{"Origin": "http://127.0.0.1:9465"}, 200},
		{"127.0.0.1:9465", "127.0.0.1:9465", "GET", "/", map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, 403},
		{"127.0.0.1:9465", "127.0.0.1:9465", "GET", "/", map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, 200},
		{"127.0.0.1:9465", "127.0.0.1:9465", "GET", "/", map[string]string{"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors"}, 200},
	} {
		r := httptest.NewRequest(c.method, c.path, nil)
		r.Host = c.host
		for k, v := range c.headers {
			r.Header.Set(k, v)
		}
		w := httptest.NewRecorder()
		PageHandler("/", c.configured, render).ServeHTTP(w, r)
		if w.Code != c.want {
			t.Errorf("%+v: %d %s", c, w.Code, w.Body)
		}
		policy := w.Header().Get("Content-Security-Policy")
		if !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") || w.Header().Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("headers %v", w.Header())
		}
		if c.want != 200 && strings.Contains(w.Body.String(), "the page") {
			t.Errorf("%+v got the page", c)
		}
	}
}

func TestThePageSaysThatTheAgentIsGone(t *testing.T) {
	h := PageHandler("/", "127.0.0.1:1", func(context.Context) ([]byte, error) { return nil, ErrNoAgent })
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Host = "127.0.0.1:1"
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != http.StatusBadGateway || !strings.Contains(w.Body.String(), "no agent listens") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestListenPageWarnsOfTheWorld(t *testing.T) {
	var log strings.Builder
	s, err := ListenPage("0.0.0.0:0", http.NotFoundHandler(), slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	if !strings.Contains(log.String(), "no login") {
		t.Errorf("log: %s", log.String())
	}
	if _, err := ListenPage("127.0.0.1:99999", nil, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "page = ") {
		t.Errorf("got %v", err)
	}
}

func TestForPeople(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", -4: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 10 << 20: "10 MiB", 1<<40 + 1<<39: "1.5 TiB", 1<<20 - 1: "1.0 MiB"} {
		if got := Size(n); got != want {
			t.Errorf("Size(%d) = %s, want %s", n, got, want)
		}
	}
	for s, want := range map[float64]string{0.25: "250 ms", 4.26: "4.3 s", 59: "59 s", 61: "1 min 1 s", 120: "2 min", 130: "2 min 10 s", 3600: "1 h", 4200: "1 h 10 min", 3000: "50 min", 7260: "2 h 1 min", 300_000: "3 days"} {
		if got := Age(s); got != want {
			t.Errorf("Age(%v) = %s, want %s", s, got, want)
		}
	}
	if Grouped(1234567) != "1,234,567" || Grouped(-123) != "-123" || Grouped(999) != "999" {
		t.Error(Grouped(1234567), Grouped(-123))
	}
	for v, want := range map[float64]float64{0: 10, 11: 20, 3599: 3600, 200_000: 4 * 24 * 3600} {
		if got := ageScale.top([]point{{5, v}, {0, v / 2}}); got != want {
			t.Errorf("the scale of %v reaches to %v", v, got)
		}
	}
}
