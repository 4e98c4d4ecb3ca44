package memory

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// greedy takes what it can get in pieces of n.
func greedy(s *Share, n int64) {
	for s.TryAcquire(n) {
	}
}

func TestOneFlowHasThreeQuarters(t *testing.T) {
	b := New(1000)
	s := b.Share()
	greedy(s, 1)
	if got := s.Used(); got != 750 {
		t.Errorf("a flow alone got %d of 1000, want 750", got)
	}
}

func TestADeadFlowLeavesTheOthersTheirs(t *testing.T) {
	b := New(1000)
	dead, alive := b.Share(), b.Share()
	greedy(dead, 1)
	if !alive.TryAcquire(250) {
		t.Fatal("the guarantee was not there")
	}
	greedy(alive, 1)
	if got := alive.Used(); got < 370 {
		t.Errorf("the second flow got %d, want its 250 and half of what the first left", got)
	}
}

func TestAcquireWaitsForRelease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(1000)
		s := b.Share()
		greedy(s, 1)
		got := make(chan error)
		go func() { got <- s.Acquire(context.Background(), 100) }()
		synctest.Wait()
		select {
		case <-got:
			t.Fatal("acquired what was not there")
		default:
		}
		s.Release(100)
		if err := <-got; err != nil {
			t.Fatal(err)
		}
	})
}

func TestAcquireEndsWithItsContext(t *testing.T) {
	b := New(100)
	s := b.Share()
	greedy(s, 1)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.Acquire(ctx, 10); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if err := s.Acquire(context.Background(), 76); !errors.Is(err, ErrTooLarge) {
		t.Errorf("got %v, want ErrTooLarge", err)
	}
}

func TestSharesComeAndGo(t *testing.T) {
	b := New(1000)
	one := b.Share()
	greedy(one, 1)
	two := b.Share()
	if !two.TryAcquire(250) {
		t.Error("a new flow did not get its guarantee")
	}
	one.Close()
	one.Release(10) // an answer that comes after the flow was closed
	greedy(two, 1)
	if got := two.Used(); got != 750 {
		t.Errorf("alone again: %d, want 750", got)
	}
}

func TestLimitHolds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.Int64Range(10, 10000).Draw(t, "limit")
		b := New(limit)
		n := rapid.IntRange(1, 6).Draw(t, "flows")
		shares := make([]*Share, n)
		for i := range shares {
			shares[i] = b.Share()
		}
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			s := shares[rapid.IntRange(0, n-1).Draw(t, "flow")]
			if used := s.Used(); used > 0 && rapid.Bool().Draw(t, "release") {
				s.Release(rapid.Int64Range(1, used).Draw(t, "bytes"))
				continue
			}
			s.TryAcquire(rapid.Int64Range(1, limit).Draw(t, "bytes"))
			sum := int64(0)
			for _, s := range shares {
				sum += s.Used()
			}
			if sum > limit {
				t.Fatalf("%d in use, limit %d", sum, limit)
			}
		}
		for i, s := range shares {
			if free := Guarantee(limit, n) - s.Used(); free > 0 && !s.TryAcquire(free) {
				t.Fatalf("flow %d did not get its guarantee", i)
			}
		}
	})
}
