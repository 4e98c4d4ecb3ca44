package demo

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestJudge(t *testing.T) {
	line := func(user, n, ofUser int) string {
		return fmt.Sprintf("2026-01-01T00:00:00.000Z user-%03d line=%d of-user=%d \"GET\"", user, n, ofUser)
	}
	all := []string{line(1, 0, 0), line(2, 1, 0), line(1, 2, 1), line(1, 3, 2)}
	for _, c := range []struct {
		name   string
		stream []string
		want   Verdict
	}{
		{"all there", all, Verdict{Written: 4, Delivered: 4}},
		{"users interleaved otherwise", []string{all[1], all[0], all[2], all[3]}, Verdict{Written: 4, Delivered: 4}},
		{"one lost", []string{all[0], all[1], all[3]}, Verdict{Written: 4, Delivered: 3, Lost: 1}},
		{"repeated in order", append(append([]string{}, all...), all...), Verdict{Written: 4, Delivered: 4, Repeated: 4}},
		{"out of order", []string{all[1], all[0], all[3], all[2]}, Verdict{Written: 4, Delivered: 4, OutOfOrder: 1}},
		{"torn", []string{all[0], all[1], all[2], all[3], "user-001 li"}, Verdict{Written: 4, Delivered: 4, Foreign: 1}},
		{"never written", append(append([]string{}, all...), line(1, 9, 9)), Verdict{Written: 4, Delivered: 4, Foreign: 1}},
		{"nothing", nil, Verdict{Written: 4, Lost: 4}},
	} {
		t.Run(c.name, func(t *testing.T) {
			j := newJudge()
			for _, r := range c.stream {
				j.record([]byte(r))
			}
			got := j.judged(4)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
			if got.OK() != (got.Lost+got.OutOfOrder+got.Foreign == 0) {
				t.Errorf("OK() = %v for %+v", got.OK(), got)
			}
		})
	}
}
