package cloudwatch

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kinetail/kinetail/emit/awscall"
)

const sentSeries = "RecordsSent Destination=KinesisStream:s"

// bubble runs a test with a publisher whose numbers and service it controls; time is fake.
func bubble(t *testing.T, o Options, f func(t *testing.T, p *Publisher, cw *fake, numbers *source)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var cw fake
		var numbers source
		o.API, o.Collect = &cw, numbers.collect
		if o.Logger == nil {
			o.Logger, _ = logged()
		}
		p := New(o)
		time.Sleep(time.Second) // tests set numbers on the whole second after the publisher has read them
		f(t, p, &cw, &numbers)
		synctest.Wait()
		if !isClosed(p.done) {
			_ = p.Close(t.Context())
		}
	})
}

func isClosed(c chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func TestOneCallPerIntervalAtTheHostsMoment(t *testing.T) {
	o := Options{Host: "web-1", Interval: time.Minute}
	bubble(t, o, func(t *testing.T, _ *Publisher, cw *fake, numbers *source) {
		begin := time.Now().Truncate(time.Minute) // midnight
		for i := range 10 {
			numbers.set(sent(float64(100 * (i + 1))))
			time.Sleep(time.Minute)
		}
		time.Sleep(59 * time.Second)
		if n := cw.called(); n != 10 {
			t.Fatalf("%d calls in ten intervals", n)
		}
		late := phase("web-1", time.Minute)
		for i, at := range cw.calls {
			if want := begin.Add(time.Duration(i+1)*time.Minute + late); !at.Equal(want) {
				t.Errorf("call %d at %v, want %v", i, at, want)
			}
		}
		perMinute := map[time.Time]float64{}
		for _, g := range cw.take() {
			if g.namespace != "Kinetail" {
				t.Fatalf("namespace %q", g.namespace)
			}
			if g.StorageResolution != nil {
				t.Errorf("storage resolution %d", *g.StorageResolution)
			}
			switch g.key() {
			case "AgentsRunning":
				perMinute[*g.Timestamp] += *g.Value
			case sentSeries:
				if *g.Value != 100 {
					t.Errorf("%v at %v", *g.Value, g.Timestamp)
				}
			}
		}
		for i := range 10 {
			if n := perMinute[begin.Add(time.Duration(i)*time.Minute)]; n != 1 {
				t.Errorf("AgentsRunning in minute %d: %v", i, n)
			}
		}
	})
}

func TestPhaseIsEven(t *testing.T) {
	var tenths [10]int
	for i := range 9000 {
		p := phase(fmt.Sprintf("ip-10-0-%d-%d", i/256, i%256), time.Minute)
		tenths[int(p/(6*time.Second))]++
	}
	for i, n := range tenths {
		if want := 1000; i < 9 && (n < want*8/10 || n > want*12/10) || i == 9 && n > 0 {
			t.Errorf("%d hosts in tenth %d of the minute", n, i)
		}
	}
}

func TestCompatAndResolution(t *testing.T) {
	o := Options{KinesisAgent: true, HighResolution: true, Interval: 10 * time.Second}
	bubble(t, o, func(t *testing.T, _ *Publisher, cw *fake, numbers *source) {
		numbers.set(sent(1))
		time.Sleep(20 * time.Second)
		for _, g := range cw.take() {
			if g.namespace != "AWSKinesisAgent" || *g.StorageResolution != 1 {
				t.Errorf("%s in %s, resolution %d", g.key(), g.namespace, *g.StorageResolution)
			}
		}
	})
}

func TestFailedCallsAreSentAgain(t *testing.T) {
	for name, err := range map[string]error{
		"network": errNetwork, "500": apiError(500, "InternalFailure"), "throttled": apiError(400, "Throttling"), "expired": apiError(403, "ExpiredToken"),
	} {
		t.Run(name, func(t *testing.T) {
			log, count := logged()
			var renewed atomic.Int32
			o := Options{Logger: log, Invalidate: func() { renewed.Add(1) }}
			bubble(t, o, func(t *testing.T, p *Publisher, cw *fake, numbers *source) {
				begin := time.Now().Truncate(time.Minute)
				cw.fail(err)
				for i := range 5 {
					numbers.set(sent(float64(i + 1)))
					time.Sleep(time.Minute)
				}
				if n := len(cw.take()); n != 0 || p.Status().Pending == 0 || p.Status().LastError == "" {
					t.Fatalf("%d accepted; status %+v", n, p.Status())
				}
				cw.set(nil)
				time.Sleep(2 * time.Minute)
				byMinute := map[time.Time]float64{}
				for _, g := range cw.take() {
					if g.key() == sentSeries {
						byMinute[*g.Timestamp] += *g.Value
					}
				}
				for i := range 5 {
					if n := byMinute[begin.Add(time.Duration(i)*time.Minute)]; n != 1 {
						t.Errorf("minute %d: %v, want 1", i, n)
					}
				}
				if s := p.Status(); s.Pending != 0 && s.Dropped != 0 {
					t.Errorf("status %+v", s)
				}
				if count("WARN") != 1 || count("INFO") != 1 {
					t.Errorf("%d warnings, %d notices", count("WARN"), count("INFO"))
				}
				if want := name == "expired"; (renewed.Load() > 0) != want {
					t.Errorf("credentials renewed %d times", renewed.Load())
				}
			})
		})
	}
}

func TestDeniedIsOneWarningAndNoHammering(t *testing.T) {
	log, count := logged()
	bubble(t, Options{Logger: log}, func(t *testing.T, p *Publisher, cw *fake, numbers *source) {
		cw.fail(apiError(403, "AccessDenied"))
		total := 0.0
		for range 24 * 60 {
			total++
			numbers.set(sent(total))
			time.Sleep(time.Minute)
		}
		if n := cw.called(); n < 20 || n > 32 {
			t.Errorf("%d calls in a day of denial", n)
		}
		if n := count("WARN"); n != 1 {
			t.Errorf("%d warnings", n)
		}
		if p.Status().Denied == "" {
			t.Error("status does not say it")
		}
		cw.set(nil)
		time.Sleep(3 * time.Hour)
		if got := sums(cw.take())[sentSeries]; got != total {
			t.Errorf("after the permission came, %v of %v arrived", got, total)
		}
		if s := p.Status(); s.Denied != "" || s.Dropped != 0 {
			t.Errorf("status %+v", s)
		}
		calls := cw.called()
		time.Sleep(10 * time.Minute)
		if n := cw.called() - calls; n != 10 {
			t.Errorf("%d calls in ten minutes afterwards", n)
		}
	})
}

// TestARefusedDatumCostsOnlyItself refuses every call that holds one certain series.
func TestARefusedDatumCostsOnlyItself(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, p *Publisher, cw *fake, numbers *source) {
		cw.set(func(_ context.Context, in *awscall.PutMetricDataInput) error {
			for _, d := range in.MetricData {
				if (got{MetricDatum: d}).key() == "RecordsSent Destination=KinesisStream:bad" {
					return apiError(400, "InvalidParameterValue")
				}
			}
			return nil
		})
		var readings []Reading
		for i := range 300 {
			r := sent(1)
			r.Source, r.Destination = fmt.Sprint(i), fmt.Sprintf("KinesisStream:%d", i)
			if i == 137 {
				r.Destination = "KinesisStream:bad"
			}
			readings = append(readings, r)
		}
		numbers.set(readings...)
		time.Sleep(2*time.Minute - 2*time.Second)
		synctest.Wait()
		if n, s := len(cw.take()), p.Status(); n != 300 || s.Dropped != 1 || s.Pending != 0 { // 299 and AgentsRunning
			t.Errorf("%d accepted, status %+v", n, s)
		}
	})
}

func TestARefusedNamespaceDropsNothing(t *testing.T) {
	log, count := logged()
	bubble(t, Options{Namespace: "AWS/Mine", Logger: log}, func(t *testing.T, p *Publisher, cw *fake, numbers *source) {
		cw.fail(apiError(400, "InvalidParameterValue"))
		total := 0.0
		for range 60 {
			total++
			numbers.set(sent(total))
			time.Sleep(time.Minute)
		}
		if s := p.Status(); s.Dropped != 0 || s.Denied == "" || count("WARN") != 1 {
			t.Errorf("status %+v, %d warnings", s, count("WARN"))
		}
		if n := cw.called(); n > 6*maxCalls {
			t.Errorf("%d calls", n)
		}
		cw.set(nil)
		time.Sleep(3 * time.Hour)
		if got := sums(cw.take())[sentSeries]; got != total {
			t.Errorf("%v of %v arrived", got, total)
		}
	})
}

func TestALongOutageStaysBoundedAndKeepsItsSums(t *testing.T) {
	bubble(t, Options{Interval: 10 * time.Minute}, func(t *testing.T, p *Publisher, cw *fake, numbers *source) {
		begin := time.Now().Truncate(time.Minute)
		cw.fail(errNetwork)
		const days = 13
		total := 0.0
		for range days * 24 * 6 {
			total++
			var readings []Reading
			for i := range 10 {
				r := sent(total)
				r.Source, r.Destination = fmt.Sprint(i), fmt.Sprint("KinesisStream:", i)
				r.Values["LagSeconds"] = total
				readings = append(readings, r)
			}
			numbers.set(readings...)
			time.Sleep(10 * time.Minute)
		}
		synctest.Wait()
		if s := p.Status(); s.Pending > maxPending || s.Dropped != 0 {
			t.Fatalf("status %+v", s)
		}
		cw.set(nil)
		time.Sleep(20 * time.Minute)
		data := cw.take()
		if len(data) > maxPending+100 {
			t.Errorf("%d data", len(data))
		}
		s := sums(data)
		for i := range 10 {
			if n := s[fmt.Sprint("RecordsSent Destination=KinesisStream:", i)]; n != total {
				t.Errorf("stream %d: %v of %v arrived", i, n, total)
			}
		}
		if n := s["AgentsRunning"]; n < total {
			t.Errorf("AgentsRunning %v of %v", n, total)
		}
		if first := *data[0].Timestamp; !first.Equal(begin) {
			t.Errorf("the oldest datum is of %v", first)
		}
	})
}

func TestWhatIsTooOldIsDroppedAndCounted(t *testing.T) {
	bubble(t, Options{Interval: time.Hour}, func(t *testing.T, p *Publisher, cw *fake, numbers *source) {
		cw.fail(errNetwork)
		numbers.set(sent(1))
		time.Sleep(20 * 24 * time.Hour)
		cw.set(func(_ context.Context, in *awscall.PutMetricDataInput) error {
			for _, d := range in.MetricData {
				if time.Since(*d.Timestamp) > 14*24*time.Hour {
					return apiError(400, "InvalidParameterValue")
				}
			}
			return nil
		})
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		if s := p.Status(); s.Pending > 2 || s.Dropped < 5*24 || len(cw.take()) < 13*24 {
			t.Errorf("status %+v", s)
		}
	})
}

func TestBatchesStayWithinTheLimits(t *testing.T) {
	bubble(t, Options{Full: true}, func(t *testing.T, _ *Publisher, cw *fake, numbers *source) {
		var readings []Reading
		many := make([]Bucket, 400)
		for i := range many {
			many[i] = Bucket{float64(i), 1}
		}
		for i := range 700 {
			r := sent(1)
			r.Source, r.Destination = fmt.Sprint(i), fmt.Sprintf("KinesisStream:%d", i)
			r.Values["BytesSent"] = 1
			r.Distributions = map[string][]Bucket{"SendLatency": many}
			readings = append(readings, r)
		}
		numbers.set(readings...)
		time.Sleep(2*time.Minute - time.Second) // the fake refuses what is beyond 1,000 metrics or 150 values
		counted := 0.0
		data := cw.take()
		for _, g := range data {
			for _, n := range g.Counts {
				counted += n
			}
		}
		if s := sums(data); len(s) != 1401 || counted != 700*400 {
			t.Errorf("%d series, %v latencies", len(s), counted)
		}
		if n := cw.called(); n < 4 || n > maxCalls {
			t.Errorf("%d calls", n)
		}
	})
}

func TestSlowCallsMissNoInterval(t *testing.T) {
	bubble(t, Options{Interval: 10 * time.Second, Host: "h"}, func(t *testing.T, _ *Publisher, cw *fake, numbers *source) {
		cw.set(func(ctx context.Context, _ *awscall.PutMetricDataInput) error {
			select {
			case <-time.After(25 * time.Second):
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
		begin := time.Now().Truncate(time.Minute)
		numbers.set(sent(1))
		time.Sleep(5 * time.Minute)
		cw.set(nil)
		time.Sleep(2 * time.Minute)
		alive := map[time.Duration]float64{}
		for _, g := range cw.take() {
			if g.key() == "AgentsRunning" {
				alive[g.Timestamp.Sub(begin)] += *g.Value
			}
		}
		for at := time.Duration(0); at < 5*time.Minute; at += 10 * time.Second {
			if alive[at] != 1 {
				t.Errorf("AgentsRunning at %v: %v", at, alive[at])
			}
		}
	})
}

func TestClosePublishesTheRest(t *testing.T) {
	bubble(t, Options{Host: "h"}, func(t *testing.T, p *Publisher, cw *fake, numbers *source) {
		numbers.set(sent(1))
		time.Sleep(2 * time.Minute)
		numbers.set(sent(8))
		time.Sleep(time.Second)
		if err := p.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		s := sums(cw.take())
		if s[sentSeries] != 8 {
			t.Errorf("%v of 8 arrived", s[sentSeries])
		}
		if s["AgentsRunning"] != 2 {
			t.Errorf("AgentsRunning %v, want one for each whole interval", s["AgentsRunning"])
		}
	})
}

func TestCloseDoesNotWaitForLong(t *testing.T) {
	hang := func(ctx context.Context, _ *awscall.PutMetricDataInput) error {
		<-ctx.Done()
		return ctx.Err()
	}
	t.Run("its own time-out", func(t *testing.T) {
		bubble(t, Options{}, func(t *testing.T, p *Publisher, cw *fake, numbers *source) {
			numbers.set(sent(1))
			cw.set(hang)
			start := time.Now()
			if err := p.Close(t.Context()); err != nil || time.Since(start) != lastTimeout {
				t.Errorf("%v after %v", err, time.Since(start))
			}
		})
	})
	t.Run("the caller's", func(t *testing.T) {
		bubble(t, Options{}, func(t *testing.T, p *Publisher, cw *fake, numbers *source) {
			numbers.set(sent(1))
			cw.set(hang)
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			start := time.Now()
			if err := p.Close(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 100*time.Millisecond {
				t.Errorf("%v after %v", err, time.Since(start))
			}
		})
	})
	t.Run("in the middle of a call", func(t *testing.T) {
		bubble(t, Options{Host: "h"}, func(t *testing.T, p *Publisher, cw *fake, numbers *source) {
			numbers.set(sent(1))
			cw.set(hang)
			time.Sleep(time.Minute + phase("h", time.Minute) + time.Second)
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
			defer cancel()
			start := time.Now()
			if err := p.Close(ctx); time.Since(start) > 3*time.Second {
				t.Errorf("%v after %v", err, time.Since(start))
			}
		})
	})
	t.Run("denied before", func(t *testing.T) {
		bubble(t, Options{}, func(t *testing.T, p *Publisher, cw *fake, numbers *source) {
			numbers.set(sent(1))
			cw.fail(apiError(403, "AccessDenied"))
			time.Sleep(3 * time.Minute)
			n := cw.called()
			if err := p.Close(t.Context()); err != nil || cw.called() != n {
				t.Errorf("%v, %d more calls", err, cw.called()-n)
			}
		})
	})
}
