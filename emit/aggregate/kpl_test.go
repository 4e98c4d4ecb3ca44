package aggregate

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/kinetail/kinetail/emit"
	"github.com/kinetail/kinetail/emit/awslocal/readback"
	"github.com/kinetail/kinetail/emit/lane"
	"github.com/kinetail/kinetail/emit/retry"
	"github.com/kinetail/kinetail/pipeline"
	"github.com/kinetail/kinetail/tailer"
	"github.com/kinetail/kinetail/tailer/memory"
)

const vector = "f3899ac20a01611a0908001a0568656c6c6f1a0908001a05776f726c6495dc6567da1ab6d7868d9fce34d10c22"

// one is a map of one shard.
type one struct{}

func (one) Lanes() int { return 1 }
func (one) Hash(key []byte) lane.Hash {
	sum := md5.Sum(key)
	return lane.Hash{Hi: binary.BigEndian.Uint64(sum[:8]), Lo: binary.BigEndian.Uint64(sum[8:])}
}
func (one) Lane(lane.Hash) int { return 0 }
func (one) Exact() bool        { return true }
func (one) Rate() lane.Rate    { return lane.Rate{} }
func (one) Key(int) []byte     { return []byte("spare") }

// taker keeps what is sent.
type taker struct {
	units []lane.Unit
	whole int // of them stand in memory as they are sent
}

func (s *taker) Send(_ context.Context, units []lane.Unit, _ []retry.Fault) error {
	for _, u := range units {
		if whole, ok := u.Whole(); ok && bytes.Equal(whole, u.Data) {
			s.whole++
		}
		u.Data, u.Key = bytes.Clone(u.Data), bytes.Clone(u.Key)
		s.units = append(s.units, u)
	}
	return nil
}

// pack brings records, key and data each, through an engine and returns the units.
func pack(t testing.TB, dir string, a lane.Aggregator, size int, records [][2]string) []lane.Unit {
	return send(t, dir, a, size, records).units
}

func send(t testing.TB, dir string, a lane.Aggregator, size int, records [][2]string) *taker {
	s := &taker{}
	e, err := lane.New(lane.Options{
		Kind: "fake", Sender: s, Map: one{}, Aggregator: a, AggregateSize: size, MaxRequests: 1, MaxWait: time.Minute,
		Limits: lane.Limits{Records: 500, RequestBytes: 5 << 20, RecordBytes: 1 << 20, KeyChars: 256},
	}).Join(lane.PortOptions{Memory: memory.New(32 << 20).Share(), DeadLetters: emit.NewDeadLetters(emit.DeadLetterOptions{StateDir: dir})})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	for batch := range slices.Chunk(records, 600) {
		p := &pipeline.Payloads{Batch: &tailer.Batch{Ack: tailer.NewAck(func() {}), Records: make([]tailer.Record, len(batch))}}
		for i, r := range batch {
			p.Items = append(p.Items, pipeline.Payload{Key: []byte(r[0]), Data: []byte(r[1]), Record: i})
		}
		if err := e.Put(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestVector(t *testing.T) {
	units := pack(t, t.TempDir(), KPL{}, 51200, [][2]string{{"a", "hello"}, {"a", "world"}})
	if len(units) != 1 {
		t.Fatalf("%d units", len(units))
	}
	u := units[0]
	if got := hex.EncodeToString(u.Data); got != vector {
		t.Errorf("got  %s\nwant %s", got, vector)
	}
	if string(u.Key) != "a" || !u.Explicit || u.HashKey != (one{}).Hash([]byte("a")) {
		t.Errorf("key %q, explicit hash key %v %v", u.Key, u.Explicit, u.HashKey)
	}
	records, ok := Decode(u.Data)
	if !ok || len(records) != 2 || string(records[0].Data) != "hello" || string(records[1].Data) != "world" || string(records[1].Key) != "a" {
		t.Errorf("decoded %v, %v", records, ok)
	}
}

func TestLoneRecordIsRaw(t *testing.T) {
	units := pack(t, t.TempDir(), KPL{}, 51200, [][2]string{{"key", "alone"}})
	if len(units) != 1 || string(units[0].Data) != "alone" || string(units[0].Key) != "key" || units[0].Explicit {
		t.Errorf("units %+v", units)
	}
}

// TestThereAndBack: what is packed is what comes out, by our decoder and by one that shares nothing with the packing; no unit is larger
// than asked.
func TestThereAndBack(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(rt *rapid.T) {
		keys := rapid.SliceOfN(rapid.StringMatching(`[a-zé]{1,40}`), 1, 5).Draw(rt, "keys")
		if rapid.Bool().Draw(rt, "no keys") {
			keys = []string{""}
		}
		size := rapid.IntRange(300, 5000).Draw(rt, "size")
		var records [][2]string
		for range rapid.IntRange(1, 60).Draw(rt, "records") {
			records = append(records, [2]string{rapid.SampledFrom(keys).Draw(rt, "key"), string(rapid.SliceOfN(rapid.Byte(), 0, 150).Draw(rt, "data"))})
		}
		var got [][2]string
		for _, u := range pack(t, dir, KPL{}, size, records) {
			if len(u.Data)+len(u.Key) > size {
				rt.Fatalf("a unit of %d bytes, at most %d were asked for", len(u.Data), size)
			}
			theirs, isAggregate := readback.Deaggregate(u.Data)
			ours, ok := Decode(u.Data)
			if ok != isAggregate || ok != (u.N > 1) || ok && len(ours) != len(theirs) {
				rt.Fatalf("%d records: decoded %d %v, independently %d %v", u.N, len(ours), ok, len(theirs), isAggregate)
			}
			if !ok {
				got = append(got, [2]string{string(u.Key), string(u.Data)})
			}
			for i := range ours {
				if !bytes.Equal(ours[i].Data, theirs[i].Data) || string(ours[i].Key) != theirs[i].PartitionKey {
					rt.Fatalf("record %d is %q, independently %q", i, ours[i], theirs[i])
				}
				got = append(got, [2]string{string(ours[i].Key), string(ours[i].Data)})
			}
		}
		for i := range records {
			if want := records[i][0]; want == "" {
				records[i][0] = "spare"
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(records) {
			rt.Fatalf("got  %q\nwant %q", got, records)
		}
	})
}

func TestLines(t *testing.T) {
	units := pack(t, t.TempDir(), Lines{}, 10, [][2]string{{"", "one\n"}, {"", "two\n"}, {"", "three\n"}, {"", "longer than ten\n"}})
	var got []string
	for _, u := range units {
		got = append(got, string(u.Data))
	}
	if fmt.Sprintf("%q", got) != `["one\n" "two\nthree\n" "longer than ten\n"]` && fmt.Sprintf("%q", got) != `["one\ntwo\n" "three\n" "longer than ten\n"]` {
		t.Errorf("units %q", got)
	}
}

// TestBacklog: where there are many records without a key, units are full, and lines are sent from where they stand.
func TestBacklog(t *testing.T) {
	var records [][2]string
	var all []byte
	for i := range 10_000 {
		line := fmt.Appendf(nil, "%d %s\n", i, bytes.Repeat([]byte("x"), i%500))
		records, all = append(records, [2]string{"", string(line)}), append(all, line...)
	}
	for name, a := range map[string]lane.Aggregator{"lines": Lines{}, "kpl": KPL{}} {
		s := send(t, t.TempDir(), a, 51200, records)
		var got []byte
		for i, u := range s.units {
			if i < len(s.units)-1 && (len(u.Data) > 51200 || len(u.Data) < 47000) {
				t.Errorf("%s: unit %d of %d has %d bytes", name, i, len(s.units), len(u.Data))
			}
			if records, ok := Decode(u.Data); ok {
				for _, r := range records {
					got = append(got, r.Data...)
				}
			} else {
				got = append(got, u.Data...)
			}
		}
		if !bytes.Equal(got, all) {
			t.Errorf("%s: %d bytes arrived, not as the %d were", name, len(got), len(all))
		}
		if name == "lines" && s.whole != len(s.units) {
			t.Errorf("%d of %d units were not copied", s.whole, len(s.units))
		}
	}
}

func TestNoAggregate(t *testing.T) {
	good, _ := hex.DecodeString(vector)
	for name, change := range map[string]func([]byte) []byte{
		"empty":     func([]byte) []byte { return nil },
		"magic":     func(b []byte) []byte { b[0]++; return b },
		"sum":       func(b []byte) []byte { b[len(b)-1]++; return b },
		"body":      func(b []byte) []byte { b[10]++; return b },
		"short":     func(b []byte) []byte { return b[:15] },
		"key index": func(b []byte) []byte { return seal([]byte("\x0a\x01a\x1a\x05\x08\x01\x1a\x01x")) },
		"no data":   func(b []byte) []byte { return seal([]byte("\x0a\x01a\x1a\x02\x08\x00")) },
		"cut off":   func(b []byte) []byte { return seal([]byte("\x0a\x01a\x1a\x09\x08\x00")) },
	} {
		if r, ok := Decode(change(bytes.Clone(good))); ok {
			t.Errorf("%s: decoded %q", name, r)
		}
	}
	if r, ok := Decode(seal([]byte("\x0a\x01a\x12\x0277\x1a\x07\x08\x00\x10\x00\x1a\x01x"))); !ok || string(r[0].HashKey) != "77" {
		t.Errorf("with an explicit hash key: %q, %v", r, ok)
	}
}

func seal(message []byte) []byte {
	sum := md5.Sum(message)
	return append(append([]byte(magic), message...), sum[:]...)
}

func FuzzDecode(f *testing.F) {
	good, _ := hex.DecodeString(vector)
	f.Add(good[4 : len(good)-16])
	f.Add([]byte("\x0a\x01a\x12\x0277\x1a\x07\x08\x00\x10\x00\x1a\x01x"))
	f.Fuzz(func(t *testing.T, message []byte) {
		Decode(message)
		ours, ok := Decode(seal(message)) // must not panic, and agree with the other decoder
		theirs, isAggregate := readback.Deaggregate(seal(message))
		if ok && isAggregate && len(ours) != len(theirs) {
			t.Errorf("%d records, independently %d", len(ours), len(theirs))
		}
	})
}
