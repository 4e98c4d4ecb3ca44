package read

import (
	"bytes"
	"math/big"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"go.uber.org/goleak"

	"github.com/kinetail/kinetail/emit/aggregate"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// What becomes too large when it is opened stays as it is.
func TestBombs(t *testing.T) {
	zeros := make([]byte, maxOpened+1)
	var b bytes.Buffer
	g := gzip.NewWriter(&b)
	_, _ = g.Write(zeros)
	_ = g.Close()
	z, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	sh := &shard{id: "s", first: new(big.Int), last: new(big.Int)}
	for name, data := range map[string][]byte{"gzip": b.Bytes(), "zstd": z.EncodeAll(zeros, nil)} {
		all := open(sh, &types.Record{Data: data, PartitionKey: aws.String("k")}, false)
		if len(all) != 1 || all[0].Compression != "" || !bytes.Equal(all[0].Data, data) {
			t.Errorf("%s: %d records, the first of %d bytes", name, len(all), len(all[0].Data))
		}
	}
	_ = z.Close()
}

func TestHolds(t *testing.T) {
	sh := &shard{first: big.NewInt(10), last: big.NewInt(20)}
	for hash, want := range map[string]bool{"10": true, "20": true, "9": false, "21": false, "x": false, strings.Repeat("9", 60): false} {
		if got := sh.holds(aggregate.Record{HashKey: []byte(hash)}); got != want {
			t.Errorf("%s: %v", hash, got)
		}
	}
}
