package md5

import (
	"bytes"
	"crypto/md5"
	"fmt"
	"math/rand/v2"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func check(t *testing.T, messages [][]byte) {
	t.Helper()
	var sums [][]byte
	for range messages {
		sums = append(sums, make([]byte, Size))
	}
	Sums(messages, sums)
	short := make([][Size]byte, len(messages))
	Short(messages, short)
	for i, m := range messages {
		if want := md5.Sum(m); !bytes.Equal(sums[i], want[:]) || short[i] != want {
			t.Fatalf("message %d of %d, %d bytes: %x, and %x as a short one, want %x", i, len(messages), len(m), sums[i], short[i], want)
		}
	}
}

// All lengths around the ends of blocks, in all numbers of lanes, are what crypto/md5 says.
func TestSums(t *testing.T) {
	if !wide {
		t.Log("this processor has no lanes: crypto/md5 is compared with itself")
	}
	random := rand.NewChaCha8([32]byte{1})
	message := func(n int) []byte {
		b := make([]byte, n)
		_, _ = random.Read(b)
		return b
	}
	var all [][]byte
	for n := range 260 {
		all = append(all, message(n))
	}
	check(t, all)
	for n := range 20 {
		check(t, all[55:55+n])
	}
	r := rand.New(random)
	for range 200 {
		var some [][]byte
		for range r.IntN(30) {
			some = append(some, message(r.IntN(1<<r.IntN(15))))
		}
		check(t, some)
	}
}

func FuzzSums(f *testing.F) {
	f.Add([]byte("hello"), 3, 10)
	f.Fuzz(func(t *testing.T, text []byte, step, n int) {
		if step <= 0 || n < 0 || n > 100 {
			return
		}
		var messages [][]byte
		for i := range n {
			messages = append(messages, text[:min(len(text), i*step)])
		}
		check(t, messages)
	})
}

func BenchmarkSums(b *testing.B) {
	const size = 51_200
	for _, n := range []int{1, 2, 4, 8, 20} {
		messages, sums := make([][]byte, n), make([][]byte, n)
		for i := range messages {
			messages[i], sums[i] = bytes.Repeat([]byte{byte(i)}, size-i), make([]byte, Size)
		}
		b.Run(fmt.Sprintf("lanes/%d", n), func(b *testing.B) {
			b.SetBytes(int64(n * size))
			for b.Loop() {
				Sums(messages, sums)
			}
		})
		b.Run(fmt.Sprintf("single/%d", n), func(b *testing.B) {
			b.SetBytes(int64(n * size))
			for b.Loop() {
				for i := range messages {
					single(messages[i], sums[i])
				}
			}
		})
	}
}

func BenchmarkShort(b *testing.B) {
	const n = 100
	messages, sums := make([][]byte, n), make([][Size]byte, n)
	for i := range messages {
		messages[i] = fmt.Appendf(nil, "10.1.%d.%d", i, 255-i)
	}
	b.Run("lanes", func(b *testing.B) {
		for b.Loop() {
			Short(messages, sums)
		}
	})
	b.Run("single", func(b *testing.B) {
		for b.Loop() {
			for i := range messages {
				sums[i] = Sum(messages[i])
			}
		}
	})
}
