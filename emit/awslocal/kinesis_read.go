package awslocal

import (
	"encoding/base64"
	"fmt"
	"sort"
	"strconv"
	"strings"
	"time"
)

const (
	maxGetRecords = 10000
	maxGetBytes   = 10 << 20
	iteratorLife  = 5 * time.Minute
)

// iterator is a place in a shard: before the record at position, counted from 0.
type iterator struct {
	stream, shard string
	position      uint64
	made          time.Time
}

func (it iterator) String() string {
	return "AAAAAAAAAAE" + base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%s\n%s\n%d\n%d", it.stream, it.shard, it.position, it.made.UnixMilli()))
}

func parseIterator(s string) (iterator, bool) {
	s, ok := strings.CutPrefix(s, "AAAAAAAAAAE")
	b, err := base64.RawURLEncoding.DecodeString(s)
	f := strings.Split(string(b), "\n")
	if !ok || err != nil || len(f) != 4 {
		return iterator{}, false
	}
	position, err1 := strconv.ParseUint(f[2], 10, 64)
	made, err2 := strconv.ParseInt(f[3], 10, 64)
	return iterator{f[0], f[1], position, time.UnixMilli(made)}, err1 == nil && err2 == nil
}

func getShardIterator(s *Server, c *call) (any, error) {
	var in struct {
		ShardID                string `json:"ShardId"`
		ShardIteratorType      string
		StartingSequenceNumber string
		Timestamp              *epoch
	}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	st, err := s.findStream(c)
	if err != nil {
		return nil, err
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	sh := st.shard(in.ShardID)
	if sh == nil {
		return nil, clientError("ResourceNotFoundException", "Shard %s in stream %s under account %s does not exist", in.ShardID, st.name, s.opts.AccountID)
	}
	it := iterator{stream: st.name, shard: sh.id, made: c.now}
	switch in.ShardIteratorType {
	case "TRIM_HORIZON":
	case "LATEST":
		it.position = sh.puts
	case "AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER":
		if in.StartingSequenceNumber == "" {
			return nil, invalidArgument("Must either specify (1) AT_SEQUENCE_NUMBER and StartingSequenceNumber or (2) AFTER_SEQUENCE_NUMBER and StartingSequenceNumber or (3) TRIM_HORIZON or (4) LATEST or (5) AT_TIMESTAMP and Timestamp")
		}
		n, ok := sh.position(in.StartingSequenceNumber)
		if !ok || n > sh.puts+1 {
			return nil, invalidArgument("StartingSequenceNumber %s used in GetShardIterator on shard %s in stream %s under account %s is invalid.",
				in.StartingSequenceNumber, sh.id, st.name, s.opts.AccountID)
		}
		it.position = n // after it
		if in.ShardIteratorType == "AT_SEQUENCE_NUMBER" && n > 0 {
			it.position = n - 1
		}
	case "AT_TIMESTAMP":
		if in.Timestamp == nil {
			return nil, invalidArgument("Must specify timestampInMillis parameter for iterator of type AT_TIMESTAMP. Current request has no timestamp parameter.")
		}
		if in.Timestamp.After(c.now) {
			return nil, invalidArgument("The timestampInMillis parameter cannot be greater than the currentTimestampInMillis.")
		}
		n := sh.store.len()
		i := sort.Search(n, func(i int) bool { return !sh.store.get(i).arrival.Before(in.Timestamp.Time) })
		if it.position = uint64(i); i == n { // #nosec G115
			it.position = sh.puts
		}
	default:
		return nil, constraint(in.ShardIteratorType, "shardIteratorType", "satisfy enum value set: [AFTER_SEQUENCE_NUMBER, LATEST, AT_TIMESTAMP, AT_SEQUENCE_NUMBER, TRIM_HORIZON]")
	}
	return struct{ ShardIterator string }{it.String()}, nil
}

type readRecord struct {
	SequenceNumber              string
	ApproximateArrivalTimestamp epoch
	Data                        []byte
	PartitionKey                string
	EncryptionType              string `json:",omitempty"`
}

type childShard struct {
	ShardID      string `json:"ShardId"`
	ParentShards []string
	HashKeyRange hashRange
}

type getRecordsAnswer struct {
	Records            []readRecord
	NextShardIterator  string `json:",omitempty"`
	MillisBehindLatest int64
	ChildShards        []childShard `json:",omitempty"`
}

func getRecords(s *Server, c *call) (any, error) {
	var in struct {
		ShardIterator string
		Limit         *int
	}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	limit := maxGetRecords
	if in.Limit != nil {
		limit = *in.Limit
	}
	if limit < 1 || limit > maxGetRecords {
		return nil, constraint(strconv.Itoa(limit), "limit", "have value between 1 and 10000")
	}
	it, ok := parseIterator(in.ShardIterator)
	if !ok {
		return nil, invalidArgument("Invalid ShardIterator.")
	}
	if c.now.Sub(it.made) > iteratorLife {
		return nil, clientError("ExpiredIteratorException",
			"Iterator expired. The iterator was created at time %s while right now it is %s which is further in the future than the tolerated delay of 300000 milliseconds.",
			it.made.UTC().Format(time.RFC1123), c.now.UTC().Format(time.RFC1123))
	}
	c.stream = it.stream
	st, err := s.findStream(c)
	if err != nil {
		return nil, err
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	sh := st.shard(it.shard)
	if sh == nil || it.position > sh.puts {
		return nil, invalidArgument("Invalid ShardIterator.")
	}
	out := &getRecordsAnswer{Records: []readRecord{}}
	for bytes := 0; len(out.Records) < limit && it.position < uint64(sh.store.len()); it.position++ { // #nosec G115
		r := sh.store.get(int(it.position)) // #nosec G115
		if bytes += len(r.data); bytes > maxGetBytes && len(out.Records) > 0 {
			break
		}
		out.Records = append(out.Records, readRecord{
			SequenceNumber:              sh.sequenceNumber(it.position + 1),
			ApproximateArrivalTimestamp: epoch{r.arrival},
			Data:                        r.data,
			PartitionKey:                string(r.key),
		})
	}
	if it.position < uint64(sh.store.len()) { // #nosec G115
		out.MillisBehindLatest = max(1, c.now.Sub(sh.store.get(int(it.position)).arrival).Milliseconds()) // #nosec G115
	} else {
		it.position = sh.puts // past what Options.Discard did not keep
	}
	if it.position < sh.puts || sh.closed.IsZero() {
		it.made = c.now
		out.NextShardIterator = it.String()
		return out, nil
	}
	for _, child := range sh.children {
		out.ChildShards = append(out.ChildShards, childShard{child.id, child.parents, hashRange{child.start.String(), child.end.String()}})
	}
	return out, nil
}
