package buffer

import (
	"runtime"
	"runtime/debug"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Whatever is asked for fits, and none but the smallest is a quarter larger than that.
func TestSizes(t *testing.T) {
	for i := range pools {
		if i > 0 && size(i) <= size(i-1) {
			t.Fatalf("pool %d has %d bytes, the one before %d", i, size(i), size(i-1))
		}
		for _, n := range []int{size(i) - 1, size(i)} {
			if got := poolFor(n); got != i {
				t.Errorf("%d bytes come from pool %d, not %d", n, got, i)
			}
		}
		if got := poolFor(size(i) + 1); got != i+1 {
			t.Errorf("%d bytes come from pool %d, not %d", size(i)+1, got, i+1)
		}
	}
	for _, n := range []int{0, 1, 1 << 14, 1<<14 + 1, 100_000, 1 << 20, 1_468_000, 2 << 20, 2<<20 + 1, 20 << 20} {
		b := Get(n)
		if len(*b) != 0 || cap(*b) < n || cap(*b) > max(1<<14, n+n/4+8192) {
			t.Errorf("%d bytes: a buffer of %d with %d used", n, cap(*b), len(*b))
		}
		Put(b)
	}
	Put(nil)
}

// A buffer of any capacity may come back, and then holds what is asked of its pool.
func TestPut(t *testing.T) {
	for c := 1; c < 5<<20; c += 32_749 {
		b := make([]byte, 7, c+7)
		Put(&b)
	}
	for i := range pools {
		for range 100 {
			if b := Get(size(i)); cap(*b) < size(i) || len(*b) != 0 {
				t.Fatalf("%d bytes were asked for: a buffer of %d with %d used", size(i), cap(*b), len(*b))
			}
		}
	}
}

func TestBuffersAreUsedAgain(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // which would empty the pools
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	const n, bytes = 200, 1_468_000
	for range n {
		b := Get(bytes)
		*b = append(*b, 'x')
		Put(b)
	}
	runtime.ReadMemStats(&after)
	// The race detector has pools lose a quarter of what is put there.
	if took := after.TotalAlloc - before.TotalAlloc; took > n*bytes/2 {
		t.Errorf("%d bytes were allocated for %d times %d", took, n, bytes)
	}
}
