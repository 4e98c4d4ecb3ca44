//go:build chaos

package chaos

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/kinetail/kinetail/emit/awslocal"
)

// gentle faults leave no doubt about what was stored: nothing is repeated for them.
func gentle(random *rand.Rand) awslocal.Fault {
	return []awslocal.Fault{
		{Kind: awslocal.Throttle, Share: 0.1 + 0.6*random.Float64()},
		{Kind: awslocal.RecordError, Share: 0.3},
		{Kind: awslocal.RecordError, Share: 0.2, Code: "KMSThrottlingException"},
		{Kind: awslocal.Error, Share: 0.5, Code: "LimitExceededException"},
		{Kind: awslocal.Latency, Share: 0.5, Delay: time.Duration(20+random.IntN(300)) * time.Millisecond},
		{Kind: awslocal.Error, Code: "ExpiredTokenException"},
	}[random.IntN(6)]
}

// harsh faults may leave it open whether the records were stored.
func harsh(random *rand.Rand) awslocal.Fault {
	return []awslocal.Fault{
		{Kind: awslocal.LostAnswer, Share: 0.3},
		{Kind: awslocal.CutAnswer, Share: 0.3},
		{Kind: awslocal.WrongCount, Share: 0.2},
		{Kind: awslocal.Reset, Share: 0.4},
		{Kind: awslocal.Reset}, // as good as no network
		{Kind: awslocal.Error, Share: 0.4},
		{Kind: awslocal.Error, Code: "ServiceUnavailable", Status: 503},
	}[random.IntN(7)]
}

// disturb changes what the service does wrong, until ctx ends; then it is healthy.
func disturb(ctx context.Context, s *awslocal.Server, from time.Time, random *rand.Rand) {
	defer s.SetFaults()
	streams := []string{"", "", "key", "kpl", "lines", "hose"}
	denied := 0
	for {
		var faults []awslocal.Fault
		for range random.IntN(3) {
			f := gentle(random)
			if time.Now().After(from) && random.IntN(2) == 0 {
				f = harsh(random)
			}
			f.Stream = streams[random.IntN(len(streams))]
			faults = append(faults, f)
		}
		if time.Now().After(from) && denied < 2 && random.IntN(8) == 0 {
			denied++ // few, for the agent asks again only every 30 s
			faults = append(faults, awslocal.Fault{Kind: awslocal.Error, Code: "AccessDeniedException", Stream: streams[2+random.IntN(4)]})
		}
		s.SetFaults(faults...)
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Duration(500+random.IntN(4000)) * time.Millisecond):
		}
	}
}
