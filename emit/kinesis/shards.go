package kinesis

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/kinetail/kinetail/emit/retry"
)

// How often shards are listed. ListShards may be called 1,000 times a second and stream, so a fleet spreads its calls.
const (
	firstList  = time.Minute            // the first call comes within, where the last run has left a list
	soonList   = 250 * time.Millisecond // the same where it has not: until then keys are not packed together
	everyList  = time.Hour              // and then about, without cause
	listBase   = time.Second            // least time between calls; after calls that fail or change nothing it grows
	listGrowth = 1.5                    // by this
	listCap    = 30 * time.Second       // up to this
	listTime   = 10 * time.Second       // for one call
	maxPages   = 100                    // of up to 1,000 shards
)

// ShardLister is what is needed of the SDK's client to know the shards.
type ShardLister interface {
	ListShards(context.Context, *kinesis.ListShardsInput, ...func(*kinesis.Options)) (*kinesis.ListShardsOutput, error)
}

// shardList keeps the newest map of a stream. One goroutine lists the shards at the start, about once an hour, and when an answer
// of the service shows that they have changed.
type shardList struct {
	lister      ShardLister
	stream, arn *string
	limit       float64 // times the rate of a shard
	path        string  // where the list is kept over a restart; "" is nowhere
	log         *slog.Logger
	changed     func(*shardMap)

	newest  atomic.Pointer[shardMap] // nil until the first list
	trigger chan struct{}            // holds one token: the map is wrong
	turn    chan struct{}            // holds one token: who has it may list and owns the fields below
	pause   time.Duration
	listed  time.Time        // the last call
	closed  map[string]shard // those that were met and are in no map
	denied  bool
	failed  bool // the last call, for a reason that passes
}

func newShardList(o *Options, lister ShardLister, stream, arn *string, name string, changed func(*shardMap)) *shardList {
	l := &shardList{
		lister: lister, stream: stream, arn: arn, limit: o.ShardRateLimit, log: o.Log.With("stream", name), changed: changed,
		trigger: make(chan struct{}, 1), turn: make(chan struct{}, 1), pause: listBase,
	}
	if o.StateDir != "" {
		l.path = filepath.Join(o.StateDir, "shards", url.PathEscape(name)+".json")
	}
	l.turn <- struct{}{}
	return l
}

// load takes the list that the last run has left: whatever is wrong with it shows in the first answers.
func (l *shardList) load() *shardMap {
	if l.path == "" {
		return nil
	}
	text, err := os.ReadFile(l.path)
	if err != nil {
		return nil
	}
	var shards []shard
	if json.Unmarshal(text, &shards) != nil {
		return nil
	}
	m, err := newShardMap(shards, l.limit)
	if err != nil {
		return nil
	}
	l.newest.Store(m)
	return m
}

func (l *shardList) save(m *shardMap) error {
	if l.path == "" {
		return nil
	}
	text, err := json.Marshal(m.shards)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(l.path), 0o700); err != nil {
		return err
	}
	// No fsync: a list that is lost is listed again.
	tmp := l.path + ".new"
	if err := os.WriteFile(tmp, text, 0o600); err != nil {
		return err
	}
	return os.Rename(tmp, l.path)
}

// run ends with ctx.
func (l *shardList) run(ctx context.Context) {
	next := soonList
	if l.newest.Load() != nil {
		next = firstList
	}
	next = rand.N(next)
	for {
		timer := time.NewTimer(next)
		select {
		case <-timer.C:
		case <-l.trigger:
			timer.Stop()
		case <-ctx.Done():
			timer.Stop()
			return
		}
		l.refresh(ctx)
		if next = l.next(ctx); next == 0 {
			next = retry.Jitter(everyList)
		}
	}
}

// next is the wait until a call that failed is made again; 0 where that would help nothing.
func (l *shardList) next(ctx context.Context) time.Duration {
	select {
	case <-l.turn:
		defer func() { l.turn <- struct{}{} }()
	case <-ctx.Done():
		return 0
	}
	if !l.failed {
		return 0
	}
	return l.pause
}

// wrong says that an answer does not fit the map.
func (l *shardList) wrong() {
	select {
	case l.trigger <- struct{}{}:
	default:
	}
}

// refresh lists the shards, unless that was done a moment ago; then it waits for the moment to be over. It returns the newest map.
func (l *shardList) refresh(ctx context.Context) *shardMap {
	before := l.newest.Load()
	select {
	case <-l.turn:
		defer func() { l.turn <- struct{}{} }()
	case <-ctx.Done():
		return l.newest.Load()
	}
	if now := l.newest.Load(); now != before {
		return now // somebody else was asked the same
	}
	if wait := time.Until(l.listed.Add(l.pause)); wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return before
		}
	}
	l.listed = time.Now()
	m, err := l.open(ctx)
	l.failed = err != nil && retry.Classify(err).Class != retry.Configuration
	if err == nil && !m.equal(before) {
		l.pause = listBase
		l.newest.Store(m)
		if err := l.save(m); err != nil {
			l.log.Warn("the list of shards could not be kept for the next start", "file", l.path, "err", err)
		}
		l.changed(m)
		return m
	}
	l.pause = min(listCap, time.Duration(float64(l.pause)*listGrowth))
	if err != nil && ctx.Err() == nil {
		l.tell(err)
	}
	return before
}

// tell logs what keeps the list from being had, once if it is a matter of permission.
func (l *shardList) tell(err error) {
	fault := retry.Classify(err)
	switch {
	case fault.Class != retry.Configuration:
		l.log.Debug("list shards", "err", err)
	case !l.denied:
		l.denied = true
		hint := ""
		if strings.Contains(fault.Code, "AccessDenied") { // of a stream that is not there, the first request says so
			hint = ". Allow kinesis:ListShards for fuller aggregates and a rate limit by shard"
		}
		l.log.Info("the shards cannot be listed: records are spread by their keys' hashes"+hint, "err", fault.String())
	}
}

// find is the shard with the id, also if it has been closed since a record landed in it, as happens where shards change faster than they are listed.
// It is nil if the shards cannot be listed.
func (l *shardList) find(ctx context.Context, id string) *shard {
	m := l.refresh(ctx)
	if s := m.find(id); s != nil {
		return s
	}
	select {
	case <-l.turn:
		defer func() { l.turn <- struct{}{} }()
	case <-ctx.Done():
		return nil
	}
	if s, ok := l.closed[id]; ok {
		return &s
	}
	all, err := l.list(ctx, nil)
	if err != nil {
		return nil // refresh has logged it, or the next one will
	}
	for i := range all {
		if aws.ToString(all[i].ShardId) != id {
			continue
		}
		s, err := fromShard(&all[i])
		if err != nil {
			return nil
		}
		if l.closed == nil {
			l.closed = map[string]shard{}
		}
		l.closed[id] = s
		return &s
	}
	return nil
}

// open lists the shards that take records.
func (l *shardList) open(ctx context.Context) (*shardMap, error) {
	all, err := l.list(ctx, &types.ShardFilter{Type: types.ShardFilterTypeAtLatest})
	if err != nil {
		return nil, err
	}
	shards, err := fromList(all)
	if err != nil {
		return nil, err
	}
	return newShardMap(shards, l.limit)
}

// list lists the shards that pass the filter; nil passes all that still hold records.
func (l *shardList) list(ctx context.Context, filter *types.ShardFilter) ([]types.Shard, error) {
	ctx, cancel := context.WithTimeout(ctx, listTime)
	defer cancel()
	var all []types.Shard
	in := &kinesis.ListShardsInput{StreamName: l.stream, StreamARN: l.arn, ShardFilter: filter}
	for range maxPages {
		out, err := l.lister.ListShards(ctx, in)
		if err != nil {
			return nil, fmt.Errorf("list shards: %w", err)
		}
		all = append(all, out.Shards...)
		if aws.ToString(out.NextToken) == "" {
			return all, nil
		}
		in = &kinesis.ListShardsInput{NextToken: out.NextToken, StreamARN: l.arn}
	}
	return nil, errors.New("list shards: the list does not end")
}
