package firehose

import (
	"context"
	"fmt"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go"

	"github.com/kinetail/kinetail/emit/awscall"
	"github.com/kinetail/kinetail/emit/lane"
	"github.com/kinetail/kinetail/emit/retry"
)

// sender calls PutRecordBatch.
type sender struct {
	client  Client
	stream  *string
	entries sync.Pool // of *[]awscall.Record
}

func newSender(client Client, stream string) *sender {
	return &sender{client: client, stream: &stream, entries: sync.Pool{New: func() any {
		entries := make([]awscall.Record, 0, maxRecords)
		return &entries
	}}}
}

// Send implements lane.Sender.
func (s *sender) Send(ctx context.Context, units []lane.Unit, verdicts []retry.Fault) error {
	entries := s.entries.Get().(*[]awscall.Record)
	defer func() {
		clear(*entries)
		*entries = (*entries)[:0]
		s.entries.Put(entries)
	}()
	for i := range units {
		*entries = append(*entries, awscall.Record{Data: units[i].Data})
	}
	out, err := s.client.PutRecordBatch(ctx, &awscall.PutRecordBatchInput{DeliveryStreamName: s.stream, Records: *entries})
	if err != nil {
		return fmt.Errorf("send %d records: %w", len(units), err)
	}
	if len(out.RequestResponses) != len(units) {
		return fmt.Errorf("%w: results for %d records, %d were sent", retry.ErrAnswer, len(out.RequestResponses), len(units))
	}
	throttled := 0
	for i := range out.RequestResponses {
		r := &out.RequestResponses[i]
		verdicts[i] = retry.Record(aws.ToString(r.ErrorCode), aws.ToString(r.ErrorMessage))
		if verdicts[i].Class == retry.Throttle {
			throttled++
		}
	}
	if throttled == len(units) {
		// Said of all of them it is about the stream, and fewer requests at a time are what helps.
		return fmt.Errorf("send %d records: %w", len(units), &smithy.GenericAPIError{Code: verdicts[0].Code, Message: verdicts[0].Message})
	}
	return nil
}
