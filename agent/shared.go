package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"sync"

	"github.com/kinetail/kinetail/agent/config"
	"github.com/kinetail/kinetail/emit/awsconfig"
	"github.com/kinetail/kinetail/emit/firehose"
	"github.com/kinetail/kinetail/emit/kinesis"
	"github.com/kinetail/kinetail/emit/lane"
)

// shared are the destinations in AWS that flows use at the moment. Flows whose emit blocks say the same of the way there send through one
// engine. It lives as long as one of them uses it.
type shared struct {
	mu      sync.Mutex // held while an engine is made, too: those who wait want the same, or come a moment later
	engines map[string]*lane.Engine
}

// way is what emit blocks have in common that share an engine: all that a request depends on. What is not in it is each flow's own: how
// records are encoded, the name, the dead letters, max_unacked.
type way struct {
	Kind, Stream, StreamARN, Order, Aggregate, Delimiter string
	AggregateSize, MaxWait                               int64
	MaxRequests                                          int
	ShardRateLimit                                       float64
	AWS                                                  config.AWS
	// Session is the emit block's name where it names the session of an assumed role.
	Session string
}

func wayOf(e *config.Emit) string {
	w := way{
		Kind: e.Kind, Stream: e.Stream, StreamARN: e.StreamARN, Order: e.Order, Aggregate: e.Aggregate, AggregateSize: e.AggregateSize,
		MaxWait: int64(e.MaxWait), MaxRequests: e.MaxRequests, ShardRateLimit: e.ShardRateLimit, AWS: e.AWS,
	}
	if e.Kind == "firehose" {
		w.Delimiter = e.Delimiter // elsewhere it is a part of the record
	}
	if r := e.AWS.AssumeRole; r != nil && r.SessionName == "" {
		w.Session = e.Name
	}
	text, err := json.Marshal(&w)
	if err != nil {
		panic(fmt.Sprintf("agent: emit %q cannot be written as JSON: %v", e.Name, err)) // plain data only
	}
	return string(text)
}

// join makes a flow's port to the destination of an emit block.
func (a *Agent) join(ctx context.Context, e *config.Emit, o lane.PortOptions) (*lane.Port, error) {
	key := wayOf(e)
	s := &a.shared
	s.mu.Lock()
	defer s.mu.Unlock()
	if engine := s.engines[key]; engine != nil {
		port, err := engine.Join(o)
		if !errors.Is(err, lane.ErrClosed) { // else the last flow that used it has just left
			return port, err
		}
	}
	engine, err := a.engine(ctx, e)
	if err != nil {
		return nil, err
	}
	port, err := engine.Join(o)
	if err != nil {
		return nil, errors.Join(err, engine.Close())
	}
	if s.engines == nil {
		s.engines = map[string]*lane.Engine{}
	}
	maps.DeleteFunc(s.engines, func(_ string, e *lane.Engine) bool { return e.Closed() })
	s.engines[key] = engine
	return port, nil
}

// engine makes the destination of an emit block.
func (a *Agent) engine(ctx context.Context, e *config.Emit) (*lane.Engine, error) {
	session, err := awsconfig.Load(ctx, a.awsOptions(e.AWS, e.Name))
	if err != nil {
		return nil, err
	}
	switch e.Kind {
	case "kinesis":
		return kinesis.New(kinesis.Options{
			Stream: e.Stream, StreamARN: e.StreamARN, Client: session.Kinesis(), Invalidate: session.Invalidate, OnClose: session.Close,
			Order: e.Order, Aggregate: e.Aggregate, AggregateSize: int(e.AggregateSize), MaxWait: e.MaxWait, MaxRequests: e.MaxRequests,
			ShardRateLimit: e.ShardRateLimit, StateDir: a.opts.Config.Agent.StateDir, DryRun: session.KinesisIsAWS(),
			Bodies: a.bodies.Share(), Log: a.log,
		})
	case "firehose":
		return firehose.New(firehose.Options{
			Stream: e.Stream, Client: session.Firehose(), Invalidate: session.Invalidate, OnClose: session.Close,
			Aggregate: e.Aggregate, AggregateSize: int(e.AggregateSize), Delimiter: e.Delimiter, MaxWait: e.MaxWait, MaxRequests: e.MaxRequests,
			Bodies: a.bodies.Share(), Log: a.log,
		})
	}
	return nil, fmt.Errorf("emit %q is of a kind that this version does not know", e.Kind)
}
