package metadata

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kinetail/kinetail/pipeline/record"
)

// What is known is asked for again, and stays as it was where that fails.
func TestRenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var to atomic.Pointer[values]
		answers := []any{errors.New("not yet"), errors.New("not yet"), "one", errors.New("away"), "two"}
		var times []time.Duration
		began := time.Now()
		ctx, cancel := context.WithCancel(t.Context())
		go renew(ctx, "ec2", &to, func(context.Context) (values, error) {
			times = append(times, time.Since(began))
			if v := to.Load(); len(times) == 5 && (*v)["region"].Str() != "one" {
				t.Error("an error took away what was known")
			}
			answer := answers[0]
			answers = answers[1:]
			if err, ok := answer.(error); ok {
				return nil, err
			}
			return values{"region": record.Of(answer.(string))}, nil
		}, quiet)
		got := func() string {
			synctest.Wait()
			if v := to.Load(); v != nil {
				return (*v)["region"].Str()
			}
			return ""
		}
		if got() != "" {
			t.Error("known before it was told")
		}
		time.Sleep(firstRetry + 2*firstRetry)
		if got() != "one" {
			t.Errorf("asked at %v, and it is %q", times, got())
		}
		time.Sleep(renewEvery)
		time.Sleep(firstRetry)
		if got() != "two" {
			t.Errorf("asked at %v, and it is %q", times, got())
		}
		cancel()
	})
}
