package kinesis

import (
	"context"
	"fmt"
	"math/rand/v2"
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
	known       chan answer // holds one, which whoever asks takes out: the others wait for it as long as they may
}

// answer is what is known of the stream.
type answer struct {
	bytes int       // of a record
	auto  bool      // the stream distributes records by itself
	until time.Time // when to ask again
}

func newSummary(client Summarizer, stream, arn *string) *summary {
	s := &summary{client: client, stream: stream, arn: arn, known: make(chan answer, 1)}
	s.known <- answer{}
	return s
}

// limit is how large a record may be, in bytes. It waits, until ctx ends, while the service does not answer. Whoever has no permission to ask
// gets the limit that every stream has.
func (s *summary) limit(ctx context.Context) (int, error) {
	a, err := s.ask(ctx)
	return a.bytes, err
}

func (s *summary) ask(ctx context.Context) (a answer, err error) {
	select {
	case a = <-s.known:
		defer func() { s.known <- a }()
	case <-ctx.Done():
		return a, fmt.Errorf("describe the stream: %w", ctx.Err())
	}
	for n := 1; !time.Now().Before(a.until); n++ {
		call, cancel := context.WithTimeout(ctx, listTime)
		out, err := s.client.DescribeStreamSummary(call, &kinesis.DescribeStreamSummaryInput{StreamName: s.stream, StreamARN: s.arn})
		cancel()
		fault := retry.Classify(err)
		switch {
		case err == nil && out.StreamDescriptionSummary != nil:
			d := out.StreamDescriptionSummary
			a.bytes = max(maxRecordBytes, int(aws.ToInt32(d.MaxRecordSizeInKiB))<<10)
			a.auto = d.RecordDistributionStrategy == types.RecordDistributionStrategyAuto
		case fault.Class == retry.Configuration || fault.Class == retry.Data:
			a.bytes, a.auto = maxRecordBytes, false
		default:
			if !pause(ctx, retry.Destination.Delay(n)) {
				return a, fmt.Errorf("describe the stream: %w", ctx.Err())
			}
			continue
		}
		a.until = time.Now().Add(retry.Jitter(everySummary))
	}
	return a, nil
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
		a, err := s.ask(ctx)
		if err != nil {
			return
		}
		if a.auto {
			auto()
			return
		}
		wait = time.Until(a.until)
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
