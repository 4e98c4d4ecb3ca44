package kinesis

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/kinetail/kinetail/emit/lane"
	"github.com/kinetail/kinetail/emit/retry"
)

var _ lane.Prober = (*sender)(nil)

var errNoProbe = errors.New("the endpoint is not known to support DryRun")

// Probe implements lane.Prober.
func (s *sender) Probe(ctx context.Context) error {
	if !s.dryRun {
		return errNoProbe
	}
	_, err := s.client.PutRecords(ctx, &kinesis.PutRecordsInput{
		StreamName: s.stream, StreamARN: s.arn, DryRun: aws.Bool(true),
		Records: []types.PutRecordsRequestEntry{{Data: []byte("kinetail"), PartitionKey: aws.String("kinetail")}},
	})
	if _, ok := errors.AsType[*types.DryRunOperationException](err); ok {
		return nil
	}
	return err
}

// Summarizer is what is needed of the SDK's client to know how large a record may be.
type Summarizer interface {
	DescribeStreamSummary(context.Context, *kinesis.DescribeStreamSummaryInput, ...func(*kinesis.Options)) (*kinesis.DescribeStreamSummaryOutput, error)
}

// everySummary is how long an answer of DescribeStreamSummary is good, before jitter: an account has 20 calls a second.
const everySummary = time.Hour

// recordLimit asks how large a record of the stream may be, at most once in everySummary.
type recordLimit struct {
	client      Summarizer
	stream, arn *string

	mu    sync.Mutex // held while asking
	bytes int
	until time.Time
}

// get waits, until ctx ends, while the service does not answer. Whoever has no permission to ask gets the limit that every stream has.
func (l *recordLimit) get(ctx context.Context) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for n := 1; ; n++ {
		if time.Now().Before(l.until) {
			return l.bytes, nil
		}
		call, cancel := context.WithTimeout(ctx, listTime)
		out, err := l.client.DescribeStreamSummary(call, &kinesis.DescribeStreamSummaryInput{StreamName: l.stream, StreamARN: l.arn})
		cancel()
		fault := retry.Classify(err)
		switch {
		case err == nil && out.StreamDescriptionSummary != nil:
			l.bytes = max(maxRecordBytes, int(aws.ToInt32(out.StreamDescriptionSummary.MaxRecordSizeInKiB))<<10)
		case fault.Class == retry.Configuration || fault.Class == retry.Data:
			l.bytes = maxRecordBytes
		default:
			timer := time.NewTimer(retry.Destination.Delay(n))
			select {
			case <-timer.C:
				continue
			case <-ctx.Done():
				timer.Stop()
				return 0, fmt.Errorf("describe the stream: %w", ctx.Err())
			}
		}
		l.until = time.Now().Add(retry.Jitter(everySummary))
	}
}
