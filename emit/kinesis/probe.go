package kinesis

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/kinetail/kinetail/emit/lane"
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
