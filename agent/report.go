package agent

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/kinetail/kinetail/agent/status"
)

// Report logs a line for each flow that says what was delivered since the snapshot before and how far behind it is. what is its message.
func Report(log *slog.Logger, what string, before, now *status.Snapshot) {
	was := map[string]status.Flow{}
	for _, f := range before.Flows {
		was[f.Name] = f
	}
	for _, f := range now.Flows {
		var records, bytes, retried int64
		for _, d := range f.Destinations {
			old := counters(was[f.Name], d.Name)
			records += d.Counters["RecordsSent"] - old["RecordsSent"]
			bytes += d.Counters["BytesSent"] - old["BytesSent"]
			retried += d.Counters["RecordsRetried"] - old["RecordsRetried"]
		}
		args := []any{
			"flow", f.Name, "records", records, "bytes", bytes, "retried", retried, "files", f.FilesFollowed,
			"lag_bytes", f.LagBytes, "lag_seconds", fmt.Sprintf("%.1f", f.LagSeconds),
		}
		if f.GapBytes > 0 || f.FileGaps > 0 {
			args = append(args, "gaps", f.FileGaps, "gap_bytes", f.GapBytes)
		}
		log.Info(what, args...)
	}
}

// Remind logs what keeps the agent from delivering.
func Remind(log *slog.Logger, now *status.Snapshot) {
	for _, t := range now.Trouble(time.Now()) {
		log.Warn("still in trouble", "what", t)
	}
}

func counters(f status.Flow, destination string) map[string]int64 {
	for _, d := range f.Destinations {
		if d.Name == destination {
			return d.Counters
		}
	}
	return nil
}
