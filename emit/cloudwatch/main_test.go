package cloudwatch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"go.uber.org/goleak"

	"github.com/kinetail/kinetail/emit/awscall"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// got is a datum as it was accepted.
type got struct {
	awscall.MetricDatum
	namespace string
	received  time.Time
}

func (g got) key() string {
	var b strings.Builder
	b.WriteString(*g.MetricName)
	for _, d := range g.Dimensions {
		fmt.Fprintf(&b, " %s=%s", *d.Name, *d.Value)
	}
	return b.String()
}

// fake is a CloudWatch that answers as answer says; nil accepts everything within the limits.
type fake struct {
	mu     sync.Mutex
	answer func(ctx context.Context, in *awscall.PutMetricDataInput) error
	calls  []time.Time
	data   []got
}

func (f *fake) PutMetricData(ctx context.Context, in *awscall.PutMetricDataInput) error {
	f.mu.Lock()
	answer := f.answer
	f.calls = append(f.calls, time.Now())
	f.mu.Unlock()
	if answer != nil {
		if err := answer(ctx, in); err != nil {
			return err
		}
	}
	if len(in.MetricData) > 1000 || len(in.MetricData) == 0 {
		return apiError(400, "ValidationError")
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, d := range in.MetricData {
		if len(d.Values) > 150 {
			return apiError(400, "ValidationError")
		}
		f.data = append(f.data, got{d, *in.Namespace, time.Now()})
	}
	return nil
}

func (f *fake) set(answer func(context.Context, *awscall.PutMetricDataInput) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.answer = answer
}

func (f *fake) fail(err error) {
	f.set(func(context.Context, *awscall.PutMetricDataInput) error { return err })
}

// take returns what was accepted since the last call.
func (f *fake) take() []got {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := f.data
	f.data = nil
	return out
}

func (f *fake) called() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.calls)
}

// sums adds up values by series.
func sums(data []got) map[string]float64 {
	out := map[string]float64{}
	for _, g := range data {
		if g.Value != nil {
			out[g.key()] += *g.Value
		}
	}
	return out
}

func apiError(status int, code string) error {
	return &smithy.OperationError{ServiceID: "CloudWatch", OperationName: "PutMetricData", Err: &smithyhttp.ResponseError{
		Response: &smithyhttp.Response{Response: &http.Response{StatusCode: status}},
		Err:      &smithy.GenericAPIError{Code: code, Message: "as told"},
	}}
}

var errNetwork = errors.New("no way there")

// source is a Collect whose numbers tests set.
type source struct {
	mu       sync.Mutex
	readings []Reading
}

func (s *source) collect() []Reading {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Reading(nil), s.readings...)
}

func (s *source) set(r ...Reading) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.readings = r
}

// logged is a logger whose lines can be counted.
func logged() (*slog.Logger, func(level string) int) {
	var mu sync.Mutex
	var buf bytes.Buffer
	w := writerFunc(func(p []byte) (int, error) {
		mu.Lock()
		defer mu.Unlock()
		return buf.Write(p)
	})
	return slog.New(slog.NewTextHandler(w, nil)), func(level string) int {
		mu.Lock()
		defer mu.Unlock()
		return strings.Count(buf.String(), "level="+level)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func sent(n float64) Reading {
	return Reading{Source: "web/kinesis", Destination: "KinesisStream:s", Values: map[string]float64{"RecordsSent": n}}
}
