package kinesis

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
)

// silent is a service that does not answer.
type silent struct{ asked chan struct{} }

func (s silent) DescribeStreamSummary(ctx context.Context, _ *kinesis.DescribeStreamSummaryInput, _ ...func(*kinesis.Options)) (*kinesis.DescribeStreamSummaryOutput, error) {
	s.asked <- struct{}{}
	<-ctx.Done()
	return nil, ctx.Err()
}

// A flow that stops while the service does not answer waits for nobody else who asks the same: the engine asks until the last flow has left,
// and a flow cannot leave before its Put has returned.
func TestWhoAsksTheSameDoesNotHoldUp(t *testing.T) {
	client := silent{make(chan struct{}, 2)}
	s := newSummary(client, aws.String("s"), nil)
	engine, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = s.limit(engine)
	}()
	<-client.asked
	flow, leave := context.WithCancel(t.Context())
	left := make(chan error)
	go func() {
		_, err := s.limit(flow)
		left <- err
	}()
	leave()
	select {
	case err := <-left:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
		stop()
	case <-time.After(5 * time.Second):
		t.Error("a flow that stops waits until the service answers somebody else")
		stop()
		<-left
	}
	<-ended
}
