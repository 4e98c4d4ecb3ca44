package read

import (
	"bytes"
	"crypto/md5" // #nosec G501 -- the service's choice
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/kinetail/kinetail/emit/aggregate"
)

// maxOpened bounds what a compressed record becomes, in bytes: the largest record of the service, 10 MiB, can hold a thousand times as much.
const maxOpened = 64 << 20

// Record is one record, taken out of what it was packed in. Data is valid until the callback returns.
type Record struct {
	Shard    string
	Sequence string // of the Kinesis record
	// Part is its place in the Kinesis record, from 0; Parts is how many there are.
	Part, Parts     int
	PartitionKey    string
	ExplicitHashKey string // known in aggregates only
	Arrival         time.Time
	Aggregated      bool
	// Misplaced says that a record of its aggregate belongs to another shard, so that the KCL drops the whole aggregate.
	Misplaced bool
	// Compression is what Data was compressed with: "gzip", "zstd" or "".
	Compression string
	// Log is set for an event out of a CloudWatch Logs subscription.
	Log  *LogEvent
	Data []byte
}

// LogEvent is what CloudWatch Logs says of an event.
type LogEvent struct {
	Group, Stream, ID string
	Time              time.Time
}

// envelope is what CloudWatch Logs puts into a stream, compressed
// (docs.aws.amazon.com/AmazonCloudWatch/latest/logs/SubscriptionFilters.html).
type envelope struct {
	MessageType string `json:"messageType"`
	LogGroup    string `json:"logGroup"`
	LogStream   string `json:"logStream"`
	LogEvents   []struct {
		ID        string `json:"id"`
		Timestamp int64  `json:"timestamp"` // ms since 1970
		Message   string `json:"message"`
	} `json:"logEvents"`
}

// open takes a Kinesis record apart. asIs leaves it whole. A control message of CloudWatch Logs has no records.
func open(sh *shard, r *types.Record, asIs bool) []Record {
	one := Record{
		Shard: sh.id, Sequence: aws.ToString(r.SequenceNumber), PartitionKey: aws.ToString(r.PartitionKey),
		Arrival: aws.ToTime(r.ApproximateArrivalTimestamp), Data: r.Data,
	}
	all := []Record{one}
	if !asIs {
		all = nil
		subs, aggregated := aggregate.Decode(r.Data)
		if !aggregated {
			all = unzip(one)
		}
		misplaced := false
		for i := range subs {
			misplaced = misplaced || !sh.holds(subs[i])
		}
		for _, s := range subs {
			sub := one
			sub.Aggregated, sub.Misplaced = true, misplaced
			sub.PartitionKey, sub.ExplicitHashKey, sub.Data = string(s.Key), string(s.HashKey), s.Data
			all = append(all, unzip(sub)...)
		}
	}
	for i := range all {
		all[i].Part, all[i].Parts = i, len(all)
	}
	return all
}

// unzip opens a record that is compressed, and then an envelope of CloudWatch Logs. What can't be opened stays as it is.
func unzip(r Record) []Record {
	var text []byte
	var err error
	kind := ""
	switch {
	case bytes.HasPrefix(r.Data, []byte{0x1f, 0x8b}):
		kind = "gzip"
		text, err = gunzip(r.Data)
	case bytes.HasPrefix(r.Data, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		kind = "zstd"
		text, err = unzstd(r.Data)
	}
	if kind == "" || err != nil {
		return []Record{r}
	}
	var e envelope
	if err := json.Unmarshal(text, &e); err != nil || e.MessageType != "DATA_MESSAGE" && e.MessageType != "CONTROL_MESSAGE" {
		r.Data, r.Compression = text, kind
		return []Record{r}
	}
	if e.MessageType == "CONTROL_MESSAGE" { // CloudWatch Logs tries whether it may write
		return nil
	}
	var all []Record
	for i := range e.LogEvents {
		l := &e.LogEvents[i]
		event := r
		event.Compression, event.Data = kind, []byte(l.Message)
		event.Log = &LogEvent{Group: e.LogGroup, Stream: e.LogStream, ID: l.ID, Time: time.UnixMilli(l.Timestamp).UTC()}
		all = append(all, event)
	}
	return all
}

func gunzip(data []byte) ([]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(z, maxOpened+1))
	if err == nil && len(text) > maxOpened {
		err = fmt.Errorf("more than %d bytes", maxOpened)
	}
	return text, err
}

func unzstd(data []byte) ([]byte, error) {
	z, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxOpened))
	if err != nil {
		return nil, err
	}
	defer z.Close()
	return z.DecodeAll(data, nil)
}

// holds says whether a record of an aggregate belongs to the shard.
func (sh *shard) holds(r aggregate.Record) bool {
	hash := new(big.Int)
	if len(r.HashKey) > 0 {
		if _, ok := hash.SetString(string(r.HashKey), 10); !ok {
			return false
		}
	} else {
		sum := md5.Sum(r.Key) // #nosec G401
		hash.SetBytes(sum[:])
	}
	return hash.Cmp(sh.first) >= 0 && hash.Cmp(sh.last) <= 0
}
