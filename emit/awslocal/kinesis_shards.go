package awslocal

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

type hashRange struct {
	StartingHashKey, EndingHashKey string
}

type sequenceRange struct {
	StartingSequenceNumber string
	EndingSequenceNumber   string `json:",omitempty"`
}

type shardInfo struct {
	ShardID               string `json:"ShardId"`
	ParentShardID         string `json:"ParentShardId,omitempty"`
	AdjacentParentShardID string `json:"AdjacentParentShardId,omitempty"`
	HashKeyRange          hashRange
	SequenceNumberRange   sequenceRange
}

func (sh *shard) info() shardInfo {
	out := shardInfo{
		ShardID:             sh.id,
		HashKeyRange:        hashRange{sh.start.String(), sh.end.String()},
		SequenceNumberRange: sequenceRange{StartingSequenceNumber: sh.sequenceNumber(0)},
	}
	if len(sh.parents) > 0 {
		out.ParentShardID = sh.parents[0]
	}
	if len(sh.parents) > 1 {
		out.AdjacentParentShardID = sh.parents[1]
	}
	if !sh.closed.IsZero() {
		out.SequenceNumberRange.EndingSequenceNumber = sh.sequenceNumber(sh.puts + 1)
	}
	return out
}

// shardToken is a page of ListShards: what is listed, after which shard, and when the token was made. It lives for 300 s.
type shardToken struct {
	stream, filter, after string
	at, made              time.Time
}

func (t shardToken) String() string {
	return base64.RawURLEncoding.EncodeToString([]byte(strings.Join([]string{
		t.stream, t.filter, t.after, strconv.FormatInt(t.at.UnixMilli(), 10), strconv.FormatInt(t.made.UnixMilli(), 10),
	}, "\n")))
}

func parseShardToken(s string) (shardToken, bool) {
	b, err := base64.RawURLEncoding.DecodeString(s)
	f := strings.Split(string(b), "\n")
	if err != nil || len(f) != 5 {
		return shardToken{}, false
	}
	at, err1 := strconv.ParseInt(f[3], 10, 64)
	made, err2 := strconv.ParseInt(f[4], 10, 64)
	return shardToken{f[0], f[1], f[2], time.UnixMilli(at), time.UnixMilli(made)}, err1 == nil && err2 == nil
}

//nolint:revive // the wire's names
type listShardsInput struct {
	StreamName, StreamARN, NextToken, ExclusiveStartShardId string
	MaxResults                                              int
	ShardFilter                                             *struct {
		Type, ShardId string
		Timestamp     epoch
	}
}

func listShards(s *Server, c *call) (any, error) {
	var in listShardsInput
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	page := shardToken{stream: c.stream, filter: "FROM_TRIM_HORIZON", after: in.ExclusiveStartShardId, made: c.now}
	switch {
	case in.NextToken != "":
		if c.stream != "" || in.ExclusiveStartShardId != "" {
			return nil, invalidArgument("NextToken and StreamName cannot be provided together.")
		}
		t, ok := parseShardToken(in.NextToken)
		if !ok {
			return nil, invalidArgument("Invalid NextToken.")
		}
		if c.now.Sub(t.made) > 300*time.Second {
			return nil, clientError("ExpiredNextTokenException", "The NextToken has expired.")
		}
		page, c.stream = t, t.stream
	case in.ShardFilter != nil:
		page.filter, page.at = in.ShardFilter.Type, in.ShardFilter.Timestamp.Time
		if page.filter == "AFTER_SHARD_ID" {
			page.after = in.ShardFilter.ShardId
		}
	}
	known := []string{"AFTER_SHARD_ID", "AT_TRIM_HORIZON", "FROM_TRIM_HORIZON", "AT_LATEST", "AT_TIMESTAMP", "FROM_TIMESTAMP"}
	if !slices.Contains(known, page.filter) {
		return nil, constraint(page.filter, "shardFilter.type", fmt.Sprintf("satisfy enum value set: %v", known))
	}
	limit := in.MaxResults
	if limit <= 0 || limit > 1000 {
		limit = 1000
	}
	st, err := s.findStream(c)
	if err != nil {
		return nil, err
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	if scale := s.rateScale(); scale > 0 {
		if st.listing.refill(c.now, 1000*scale); !st.listing.has(1, 1000*scale) {
			return nil, clientError("LimitExceededException", "Rate exceeded for stream %s under account %s.", st.name, s.opts.AccountID)
		}
		st.listing.take(1)
	}
	var out struct {
		Shards    []shardInfo
		NextToken string `json:",omitempty"`
	}
	out.Shards = []shardInfo{}
	for _, sh := range st.shards {
		if sh.id <= page.after || !sh.listed(page, st) {
			continue
		}
		if len(out.Shards) == limit {
			page.after, page.made = out.Shards[limit-1].ShardID, c.now
			out.NextToken = page.String()
			break
		}
		out.Shards = append(out.Shards, sh.info())
	}
	return out, nil
}

// listed applies a shard filter. Nothing is ever trimmed here, so the trim horizon is the creation of the stream.
func (sh *shard) listed(p shardToken, st *stream) bool {
	at := p.at
	switch p.filter {
	case "AT_LATEST":
		return sh.closed.IsZero()
	case "AT_TRIM_HORIZON":
		at = st.created
	case "AT_TIMESTAMP":
	case "FROM_TIMESTAMP":
		return sh.closed.IsZero() || sh.closed.After(at)
	default:
		return true
	}
	return !sh.created.After(at) && (sh.closed.IsZero() || sh.closed.After(at))
}

// reshard runs change on a stream that is ACTIVE and marks it UPDATING.
func (s *Server) reshard(c *call, change func(*stream) error) (any, error) {
	st, err := s.findStream(c)
	if err != nil {
		return nil, err
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	if status := st.status(c.now); status != "ACTIVE" {
		return nil, clientError("ResourceInUseException", "Stream %s under account %s not ACTIVE, instead in state %s", st.name, s.opts.AccountID, status)
	}
	if err := change(st); err != nil {
		return nil, err
	}
	st.updating, st.readyAt = true, c.now.Add(s.opts.StatusDelay)
	return nil, nil
}

// openShard is an open shard by id.
func (s *Server) openShard(st *stream, id string) (*shard, error) {
	sh := st.shard(id)
	if sh == nil {
		return nil, clientError("ResourceNotFoundException", "Could not find shard %s in stream %s under account %s.", id, st.name, s.opts.AccountID)
	}
	if !sh.closed.IsZero() {
		return nil, invalidArgument("Shard %s in stream %s under account %s has already been merged or split, and thus is not eligible for merging or splitting.", sh.id, st.name, s.opts.AccountID)
	}
	return sh, nil
}

func splitShard(s *Server, c *call) (any, error) {
	var in struct{ ShardToSplit, NewStartingHashKey string }
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	return s.reshard(c, func(st *stream) error {
		sh, err := s.openShard(st, in.ShardToSplit)
		if err != nil {
			return err
		}
		k, ok := parseHashKey(in.NewStartingHashKey)
		if !ok || !sh.start.less(k) || sh.end.less(k) {
			return invalidArgument("NewStartingHashKey %s used in SplitShard() on shard %s in stream %s under account %s is not both greater than one plus the shard's StartingHashKey %s and less than the shard's EndingHashKey %s.",
				in.NewStartingHashKey, sh.id, st.name, s.opts.AccountID, sh.start, sh.end)
		}
		st.closeShard(sh, c.now)
		st.addShard(sh.start, k.prev(), c.now, sh)
		st.addShard(k, sh.end, c.now, sh)
		return nil
	})
}

func mergeShards(s *Server, c *call) (any, error) {
	var in struct{ ShardToMerge, AdjacentShardToMerge string }
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	return s.reshard(c, func(st *stream) error {
		a, err := s.openShard(st, in.ShardToMerge)
		if err != nil {
			return err
		}
		b, err := s.openShard(st, in.AdjacentShardToMerge)
		if err != nil {
			return err
		}
		low, high := a, b
		if high.start.less(low.start) {
			low, high = high, low
		}
		if low == high || low.end.next() != high.start {
			return invalidArgument("Shards %s and %s in stream %s under account %s are not an adjacent pair of shards eligible for merging", a.id, b.id, st.name, s.opts.AccountID)
		}
		st.closeShard(a, c.now)
		st.closeShard(b, c.now)
		st.addShard(low.start, high.end, c.now, a, b)
		return nil
	})
}

// updateShardCount splits or merges to even ranges; every new shard has the old ones it overlaps as parents, two at most as in the service.
func updateShardCount(s *Server, c *call) (any, error) {
	var in struct {
		TargetShardCount int
		ScalingType      string
	}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	var before int
	_, err := s.reshard(c, func(st *stream) error {
		before = len(st.open)
		if in.TargetShardCount < (before+1)/2 || in.TargetShardCount > 2*before || in.TargetShardCount < 1 {
			return clientError("LimitExceededException", "UpdateShardCount cannot scale below 50%% or above 200%% of the current open shard count, which is %d.", before)
		}
		old := slices.Clone(st.open)
		for _, sh := range old {
			st.closeShard(sh, c.now)
		}
		starts := evenRanges(in.TargetShardCount)
		for i, start := range starts {
			end := maxHashKey
			if i+1 < len(starts) {
				end = starts[i+1].prev()
			}
			var parents []*shard
			for _, o := range old {
				if !o.end.less(start) && !end.less(o.start) && len(parents) < 2 {
					parents = append(parents, o)
				}
			}
			st.addShard(start, end, c.now, parents...)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return struct {
		StreamName, StreamARN               string
		CurrentShardCount, TargetShardCount int
	}{c.stream, s.streamARN(c.stream), before, in.TargetShardCount}, nil
}

func updateMaxRecordSize(s *Server, c *call) (any, error) {
	var in struct{ MaxRecordSizeInKiB int }
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	return s.reshard(c, func(st *stream) error {
		if err := checkMaxRecord(in.MaxRecordSizeInKiB); err != nil {
			return err
		}
		st.maxRecord = in.MaxRecordSizeInKiB
		return nil
	})
}

func updateStreamMode(s *Server, c *call) (any, error) {
	var in struct{ StreamModeDetails streamMode }
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	return s.reshard(c, func(st *stream) error {
		st.onDemand = in.StreamModeDetails.StreamMode == "ON_DEMAND"
		st.auto = st.auto && st.onDemand
		return nil
	})
}

func updateDistribution(s *Server, c *call) (any, error) {
	var in struct{ RecordDistributionStrategy string }
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	return s.reshard(c, func(st *stream) error {
		switch in.RecordDistributionStrategy {
		case "AUTO":
			if !st.onDemand {
				return errAutoNeedsOnDemand()
			}
			st.auto = true
		case "USER_PARTITION_KEY":
			st.auto = false
		default:
			return constraint(in.RecordDistributionStrategy, "recordDistributionStrategy", "satisfy enum value set: [AUTO, USER_PARTITION_KEY]")
		}
		return nil
	})
}
