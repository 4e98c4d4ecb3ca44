package kinesis

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/kinetail/kinetail/emit/retry"
)

// Summarizer is what is needed of the SDK's client to know how large a record may be, and whether the stream looks at keys.
type Summarizer interface {
	DescribeStreamSummary(context.Context, *kinesis.DescribeStreamSummaryInput, ...func(*kinesis.Options)) (*kinesis.DescribeStreamSummaryOutput, error)
}

// everySummary is how long an answer of DescribeStreamSummary is good, before jitter: an account has 20 calls a second. firstSummary is within
// how long after the first request it is asked whether the stream looks at keys.
const (
	everySummary = time.Hour
	firstSummary = time.Minute
)

// summary asks about the stream, at most once in everySummary.
type summary struct {
	client      Summarizer
	stream, arn *string

	mu    sync.Mutex // held while asking
	bytes int        // of a record
	auto  bool       // the stream distributes records by itself
	until time.Time
}

// limit is how large a record may be, in bytes. It waits, until ctx ends, while the service does not answer. Whoever has no permission to ask
// gets the limit that every stream has.
func (s *summary) limit(ctx context.Context) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.ask(ctx); err != nil {
		return 0, err
	}
	return s.bytes, nil
}

// ask needs mu.
func (s *summary) ask(ctx context.Context) error {
	for n := 1; ; n++ {
		if time.Now().Before(s.until) {
			return nil
		}
		call, cancel := context.WithTimeout(ctx, listTime)
		out, err := s.client.DescribeStreamSummary(call, &kinesis.DescribeStreamSummaryInput{StreamName: s.stream, StreamARN: s.arn})
		cancel()
		fault := retry.Classify(err)
		switch {
		case err == nil && out.StreamDescriptionSummary != nil:
			d := out.StreamDescriptionSummary
			s.bytes = max(maxRecordBytes, int(aws.ToInt32(d.MaxRecordSizeInKiB))<<10)
			s.auto = d.RecordDistributionStrategy == types.RecordDistributionStrategyAuto
		case fault.Class == retry.Configuration || fault.Class == retry.Data:
			s.bytes, s.auto = maxRecordBytes, false
		default:
			if !pause(ctx, retry.Destination.Delay(n)) {
				return fmt.Errorf("describe the stream: %w", ctx.Err())
			}
			continue
		}
		s.until = time.Now().Add(retry.Jitter(everySummary))
	}
}

// watch calls auto when the stream turns out to distribute records by itself, which may be switched on at any time, and returns then or when
// ctx ends. It asks nothing before sent is closed.
func (s *summary) watch(ctx context.Context, sent <-chan struct{}, auto func()) {
	select {
	case <-sent:
	case <-ctx.Done():
		return
	}
	for wait := rand.N(firstSummary); pause(ctx, wait); {
		s.mu.Lock()
		err := s.ask(ctx)
		found := s.auto
		wait = time.Until(s.until)
		s.mu.Unlock()
		if err != nil {
			return
		}
		if found {
			auto()
			return
		}
	}
}

// pause waits, and reports whether that was not cut short by the end of ctx.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
