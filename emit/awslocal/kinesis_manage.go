package awslocal

import (
	"fmt"
	"regexp"
	"slices"
	"time"
)

var kinesisOperations = map[string]operation{
	"PutRecord":                              kinesisPut,
	"PutRecords":                             kinesisPut,
	"GetShardIterator":                       getShardIterator,
	"GetRecords":                             getRecords,
	"ListShards":                             listShards,
	"CreateStream":                           createStream,
	"DeleteStream":                           deleteStream,
	"ListStreams":                            listStreams,
	"DescribeStream":                         describeStream,
	"DescribeStreamSummary":                  describeStreamSummary,
	"SplitShard":                             splitShard,
	"MergeShards":                            mergeShards,
	"UpdateShardCount":                       updateShardCount,
	"UpdateMaxRecordSize":                    updateMaxRecordSize,
	"UpdateStreamMode":                       updateStreamMode,
	"UpdateStreamRecordDistributionStrategy": updateDistribution,
}

var nameRule = regexp.MustCompile(`^[a-zA-Z0-9_.-]{1,128}$`)

// CreateStream makes a Kinesis stream.
func (s *Server) CreateStream(c StreamConfig) error {
	if !nameRule.MatchString(c.Name) {
		return constraint(c.Name, "streamName", "satisfy regular expression pattern: [a-zA-Z0-9_.-]+")
	}
	if c.Shards == 0 {
		c.Shards = 1
		if c.OnDemand {
			c.Shards = 4
		}
	}
	if c.Shards < 1 || c.Shards > 10000 {
		return constraint(fmt.Sprint(c.Shards), "shardCount", "have value between 1 and 10000")
	}
	if c.MaxRecord == 0 {
		c.MaxRecord = 1024
	}
	if err := checkMaxRecord(c.MaxRecord); err != nil {
		return err
	}
	if c.Auto && !c.OnDemand {
		return errAutoNeedsOnDemand()
	}
	now := s.opts.Now()
	st := newStream(c, now)
	st.readyAt = now.Add(s.opts.StatusDelay)
	s.kinesis.mu.Lock()
	defer s.kinesis.mu.Unlock()
	if s.kinesis.streams[c.Name] != nil {
		return clientError("ResourceInUseException", "Stream %s under account %s already exists.", c.Name, s.opts.AccountID)
	}
	s.kinesis.streams[c.Name] = st
	return nil
}

func checkMaxRecord(kib int) error {
	if kib < 1024 || kib > 10240 {
		return constraint(fmt.Sprint(kib), "maxRecordSizeInKiB", "have value between 1024 and 10240")
	}
	return nil
}

func errAutoNeedsOnDemand() error {
	return clientError("ValidationException", "RecordDistributionStrategy AUTO is only supported for streams in the ON_DEMAND capacity mode.")
}

// stream is the stream by name.
func (s *Server) stream(name string) (*stream, error) {
	s.kinesis.mu.Lock()
	defer s.kinesis.mu.Unlock()
	st := s.kinesis.streams[name]
	if st == nil {
		return nil, clientError("ResourceNotFoundException", "Stream %s under account %s not found.", name, s.opts.AccountID)
	}
	return st, nil
}

// findStream is the stream a call names; one that is still CREATING isn't there yet for callers.
func (s *Server) findStream(c *call) (*stream, error) {
	if c.stream == "" {
		return nil, invalidArgument("StreamName or StreamARN is required.")
	}
	st, err := s.stream(c.stream)
	if err != nil {
		return nil, err
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.status(c.now) == "CREATING" {
		return nil, clientError("ResourceNotFoundException", "Stream %s under account %s not found.", c.stream, s.opts.AccountID)
	}
	return st, nil
}

type streamMode struct {
	StreamMode string
}

func (s *Server) streamARN(name string) string {
	return fmt.Sprintf("arn:aws:kinesis:%s:%s:stream/%s", s.opts.Region, s.opts.AccountID, name)
}

func createStream(s *Server, c *call) (any, error) {
	var in struct {
		StreamName                 string
		ShardCount                 int
		StreamModeDetails          streamMode
		MaxRecordSizeInKiB         int
		RecordDistributionStrategy string
	}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	onDemand := in.StreamModeDetails.StreamMode == "ON_DEMAND"
	if in.ShardCount == 0 && !onDemand {
		return nil, invalidArgument("ShardCount must be specified for streams in the PROVISIONED capacity mode.")
	}
	return nil, s.CreateStream(StreamConfig{
		Name: in.StreamName, Shards: in.ShardCount, OnDemand: onDemand,
		Auto: in.RecordDistributionStrategy == "AUTO", MaxRecord: in.MaxRecordSizeInKiB,
	})
}

func deleteStream(s *Server, c *call) (any, error) {
	if _, err := s.findStream(c); err != nil {
		return nil, err
	}
	s.kinesis.mu.Lock()
	defer s.kinesis.mu.Unlock()
	delete(s.kinesis.streams, c.stream)
	return nil, nil
}

func listStreams(s *Server, c *call) (any, error) {
	var in struct {
		Limit                               int
		ExclusiveStartStreamName, NextToken string
	}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	after := max(in.ExclusiveStartStreamName, in.NextToken)
	limit := in.Limit
	if limit <= 0 || limit > 10000 {
		limit = 100
	}
	s.kinesis.mu.Lock()
	defer s.kinesis.mu.Unlock()
	var out struct {
		StreamNames    []string
		HasMoreStreams bool
		NextToken      string `json:",omitempty"`
	}
	out.StreamNames = []string{}
	for name := range s.kinesis.streams {
		if name > after {
			out.StreamNames = append(out.StreamNames, name)
		}
	}
	slices.Sort(out.StreamNames)
	if len(out.StreamNames) > limit {
		out.StreamNames, out.HasMoreStreams = out.StreamNames[:limit], true
		out.NextToken = out.StreamNames[limit-1]
	}
	return out, nil
}

type streamSummary struct {
	StreamName, StreamARN, StreamStatus string
	StreamModeDetails                   streamMode
	StreamCreationTimestamp             epoch
	RetentionPeriodHours                int
	EncryptionType                      string
	EnhancedMonitoring                  []struct{ ShardLevelMetrics []string }
	MaxRecordSizeInKiB                  int
	RecordDistributionStrategy          string
	OpenShardCount                      int         `json:",omitempty"`
	ConsumerCount                       *int        `json:",omitempty"`
	Shards                              []shardInfo `json:",omitempty"`
	HasMoreShards                       *bool       `json:",omitempty"`
}

// summaryLocked is what both descriptions share.
func (s *Server) summaryLocked(st *stream, now time.Time) streamSummary {
	out := streamSummary{
		StreamName: st.name, StreamARN: s.streamARN(st.name), StreamStatus: st.status(now),
		StreamModeDetails:          streamMode{"PROVISIONED"},
		StreamCreationTimestamp:    epoch{st.created},
		RetentionPeriodHours:       24,
		EncryptionType:             "NONE",
		EnhancedMonitoring:         []struct{ ShardLevelMetrics []string }{{[]string{}}},
		MaxRecordSizeInKiB:         st.maxRecord,
		RecordDistributionStrategy: "USER_PARTITION_KEY",
	}
	if st.onDemand {
		out.StreamModeDetails.StreamMode = "ON_DEMAND"
	}
	if st.auto {
		out.RecordDistributionStrategy = "AUTO"
	}
	return out
}

func describeStream(s *Server, c *call) (any, error) {
	var in struct {
		Limit                 int
		ExclusiveStartShardId string
	}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	st, err := s.stream(c.stream)
	if err != nil {
		return nil, err
	}
	if in.Limit <= 0 || in.Limit > 100 {
		in.Limit = 100
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	out := s.summaryLocked(st, c.now)
	more := false
	out.Shards, out.HasMoreShards = []shardInfo{}, &more
	for _, sh := range st.shards {
		if sh.id <= in.ExclusiveStartShardId {
			continue
		}
		if more = len(out.Shards) == in.Limit; more {
			break
		}
		out.Shards = append(out.Shards, sh.info())
	}
	return struct{ StreamDescription streamSummary }{out}, nil
}

func describeStreamSummary(s *Server, c *call) (any, error) {
	if scale := s.rateScale(); scale > 0 {
		s.kinesis.mu.Lock()
		s.kinesis.summary.refill(c.now, 20*scale)
		ok := s.kinesis.summary.has(1, 20*scale)
		if ok {
			s.kinesis.summary.take(1)
		}
		s.kinesis.mu.Unlock()
		if !ok {
			return nil, clientError("LimitExceededException", "Rate exceeded for account %s.", s.opts.AccountID)
		}
	}
	if c.stream == "" {
		return nil, invalidArgument("StreamName or StreamARN is required.")
	}
	st, err := s.stream(c.stream)
	if err != nil {
		return nil, err
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	out := s.summaryLocked(st, c.now)
	out.OpenShardCount, out.ConsumerCount = len(st.open), new(int)
	return struct{ StreamDescriptionSummary streamSummary }{out}, nil
}
