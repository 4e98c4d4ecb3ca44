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
