package agent

import (
	"testing"
	"time"

	"github.com/kinetail/kinetail/agent/status"
)

func TestAliveWhileFlowsLook(t *testing.T) {
	var p pulse
	now := time.Now()
	at := func(minutes int, looks int64, state string) error {
		s := &status.Snapshot{Flows: []status.Flow{{Name: "web", State: state, Looks: looks}, {Name: "pipe", State: status.StateRunning}}}
		return p.check(s, now.Add(time.Duration(minutes)*time.Minute))
	}
	for _, c := range []struct {
		minutes int
		looks   int64
		state   string
		dead    bool
	}{
		{0, 1, status.StateRunning, false},
		{4, 1, status.StateRunning, false},
		{6, 1, status.StateRunning, true},
		{7, 2, status.StateRunning, false},
		{60, 3, status.StateRunning, false}, // asked seldom
		{70, 3, status.StateFailed, false},  // it waits to be started again
		{71, 1, status.StateRunning, false},
		{77, 1, status.StateRunning, true},
	} {
		if err := at(c.minutes, c.looks, c.state); (err != nil) != c.dead {
			t.Errorf("minute %d: %v", c.minutes, err)
		}
	}
}
