package parse

import (
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kinetail/kinetail/pipeline/record"
)

// TestLinearTime gives each parser lines made to be slow, and twice as long ones: a parser whose time grew with the square would take four
// times as long for these. It compares the processor time of the best of several runs, and allows three times.
func TestLinearTime(t *testing.T) {
	if testing.Short() || raced {
		t.Skip("measures time")
	}
	const size = 64 << 10
	units := []string{
		"[", "{\"a\":", "\"", "\\", "a=\"", "a='\\", "x ", ", client: ", "[client ", "(", "a", "1,", "\"\",", "\"a\":1,", " [", "] \"", "\\\"", "=", "a= ", "\xff", "k=v ", "::", "1.", "%{",
	}
	prefixes := []string{"", "{", "<1>1 - - - - - [", "2026/10/10 13:55:36 [error] 1#1: ", "[Wed Oct 11 14:32:52 2000] [error] ", "1 - - [10/Oct/2026:13:55:36 +0000] \""}
	for name, p := range allParsers(t) {
		if name == "backtracking" {
			continue // most of these lines are left to package regexp, which is linear and takes seconds for them
		}
		for _, prefix := range prefixes {
			for i, unit := range units {
				if prefix == "{" && unit == "\"a\":1," {
					unit = uniqueNames(size)
				}
				var once, twice time.Duration
				for try := 0; try < 5; try++ {
					if once, twice = worst(p, prefix, unit, size), worst(p, prefix, unit, 2*size); twice <= 3*once+2*time.Millisecond {
						break
					}
				}
				if twice > 3*once+2*time.Millisecond {
					t.Errorf("%s on %q + %d: %v, and %v for twice as much", name, prefix, i, once, twice)
				}
			}
		}
	}
}

// uniqueNames are as many fields as fit into that many bytes.
func uniqueNames(size int) string {
	var b strings.Builder
	for i := 0; b.Len() < size; i++ {
		b.WriteString("\"")
		b.WriteString(strings.Repeat("a", i%7))
		for n := i; n > 0; n /= 26 {
			b.WriteByte(byte('a' + n%26))
		}
		b.WriteString("\":1,")
	}
	return b.String()
}

func worst(p Parser, prefix, unit string, size int) time.Duration {
	line := prefix + strings.Repeat(unit, size/len(unit)+1)
	line = line[:min(len(line), len(prefix)+size)]
	var runs []time.Duration
	var r record.Record
	var arena []byte
	for range 2 {
		r.Reset()
		arena = arena[:0]
		began := cpuTime()
		p.Parse(line, &r, &arena)
		runs = append(runs, cpuTime()-began)
	}
	return slices.Min(runs)
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
