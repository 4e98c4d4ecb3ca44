package wire

import (
	"bytes"
	"encoding/base64"
	"testing"
)

func FuzzBase64(f *testing.F) {
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	for n := range 40 {
		f.Add(all[:n], n)
		f.Add(bytes.Repeat([]byte{0xff}, n), 0)
	}
	f.Add(all, 3)
	f.Fuzz(func(t *testing.T, data []byte, spare int) {
		b := make([]byte, 2, 2+max(0, min(spare, 1000)))
		got := appendBase64(b, data)
		if want := base64.StdEncoding.AppendEncode([]byte{0, 0}, data); !bytes.Equal(got, want) {
			t.Errorf("%x: %q, want %q", data, got, want)
		}
		slow := make([]byte, base64.StdEncoding.EncodedLen(len(data))) // what other processors do
		if fromTable(slow, data); !bytes.Equal(slow, got[2:]) {
			t.Errorf("%x: %q from the table, want %q", data, slow, got[2:])
		}
	})
}

func BenchmarkBase64(b *testing.B) {
	data := make([]byte, 51200)
	into := make([]byte, 0, base64.StdEncoding.EncodedLen(len(data)))
	for name, encode := range map[string]func(b, data []byte) []byte{"ours": appendBase64, "standard": base64.StdEncoding.AppendEncode} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				_ = encode(into, data)
			}
		})
	}
}
