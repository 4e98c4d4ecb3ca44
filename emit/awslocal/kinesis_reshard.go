package awslocal

import "slices"

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
