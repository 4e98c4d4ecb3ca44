package agent

import (
	"context"
	"fmt"
	"time"

	"github.com/kinetail/kinetail/agent/config"
	"github.com/kinetail/kinetail/agent/status"
	"github.com/kinetail/kinetail/emit/awsconfig"
	"github.com/kinetail/kinetail/emit/cloudwatch"
)

// finalMetrics is how long the last metrics may take when the agent stops.
const finalMetrics = 3 * time.Second

// publishes says whether metrics go to CloudWatch: as configured, else when a flow sends to AWS itself.
func publishes(cfg *config.Config) bool {
	if cfg.Metrics.Enabled != nil {
		return *cfg.Metrics.Enabled
	}
	for _, f := range cfg.Flows {
		for _, e := range f.Emits {
			own := map[string]string{"kinesis": e.AWS.Endpoints.Kinesis, "firehose": e.AWS.Endpoints.Firehose}
			endpoint, isAWS := own[e.Kind]
			if isAWS && endpoint == "" && e.AWS.Endpoint == "" {
				return true
			}
		}
	}
	return false
}

// publishing is the publisher of a configuration.
type publishing struct {
	*cloudwatch.Publisher
	session   *awsconfig.Session
	namespace string
}

// startMetrics begins to publish as a configuration says, if it does; since is what has been published already. It needs changing.
func (a *Agent) startMetrics(ctx context.Context, cfg *config.Config, since []cloudwatch.Reading) {
	if a.opts.DryRun || !publishes(cfg) {
		return
	}
	session, err := awsconfig.Load(ctx, a.awsOptions(cfg.Metrics.AWS, "metrics"))
	if err != nil {
		a.log.Warn("running without CloudWatch metrics", "error", fmt.Errorf("metrics \"cloudwatch\": %w", err))
		return
	}
	m := &cfg.Metrics
	p := cloudwatch.New(cloudwatch.Options{
		API:            session.CloudWatch(),
		Collect:        a.collect,
		Since:          since,
		Namespace:      m.Namespace,
		KinesisAgent:   m.Compat == "kinesis-agent",
		Interval:       m.Interval,
		Full:           m.Detail == "full",
		Dimensions:     m.Dimensions,
		HighResolution: m.HighResolution,
		Host:           hostname(),
		Invalidate:     session.Invalidate,
		Logger:         a.log,
	})
	a.mu.Lock()
	defer a.mu.Unlock()
	a.publishing = &publishing{p, session, m.Namespace}
}

// stopMetrics publishes what has grown since the last interval, within a bounded time, and returns what is published now. It needs changing.
func (a *Agent) stopMetrics(ctx context.Context) []cloudwatch.Reading {
	a.mu.Lock()
	p := a.publishing
	a.mu.Unlock()
	if p == nil {
		return a.counted()
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), finalMetrics)
	defer cancel()
	if err := p.Close(ctx); err != nil {
		a.log.Warn("the last metrics did not reach CloudWatch", "error", err)
	}
	p.session.Close()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.publishing = nil
	return p.Published()
}

// metricsStatus needs mu.
func (a *Agent) metricsStatus() *status.Metrics {
	if a.publishing == nil {
		return nil
	}
	st := a.publishing.Status()
	m := &status.Metrics{
		Namespace: a.publishing.namespace, Sent: st.Sent, Pending: st.Pending, Dropped: st.Dropped, Calls: st.Calls, Denied: st.Denied,
		LastError: st.LastError,
	}
	if !st.LastSent.IsZero() {
		m.LastSent = &st.LastSent
	}
	return m
}

// awsOptions are those of an aws block, for whoever is named.
func (a *Agent) awsOptions(c config.AWS, who string) awsconfig.Options {
	o := awsconfig.Options{
		Region: c.Region, Profile: c.Profile, Endpoint: c.Endpoint, Endpoints: awsconfig.Endpoints(c.Endpoints),
		FIPS: c.FIPS, DualStack: c.DualStack, Proxy: c.Proxy, CAFile: c.CAFile, AllowInsecure: c.AllowInsecure,
		Destination: who, Version: a.opts.Version, Logger: a.log,
	}
	if c.AssumeRole != nil {
		role := awsconfig.AssumeRole(*c.AssumeRole)
		o.AssumeRole = &role
	}
	return o
}

// readings are a snapshot as CloudWatch's publisher wants it: one for the agent, and one for each destination in AWS.
func readings(s *status.Snapshot) []cloudwatch.Reading {
	wrong := 0.0
	if s.ConfigError != "" {
		wrong = 1
	}
	all := []cloudwatch.Reading{{Source: "agent", Values: map[string]float64{
		"CheckpointErrors": float64(s.Store.Errors), "ConfigErrors": wrong,
	}}}
	for _, f := range s.Flows {
		for _, d := range f.Destinations {
			if d.Metric == "" {
				continue
			}
			v := map[string]float64{
				"LagBytes": float64(f.LagBytes), "LagSeconds": f.LagSeconds, "GapBytes": float64(f.GapBytes), "FileGaps": float64(f.FileGaps),
				"LateBytes": float64(f.LateBytes), "FilesRefused": float64(f.FilesRefused), "FilesFollowed": float64(f.FilesFollowed),
			}
			for name, n := range d.Counters {
				v[name] = float64(n)
			}
			v["RecordsDropped"] += float64(f.Dropped.Total())
			v["FilterUndecided"] = float64(f.FilterUndecided)
			v["RecordsTruncated"] = float64(f.RecordsTruncated)
			r := cloudwatch.Reading{Source: f.Name + "/" + d.Name, Destination: d.Metric, Values: v, Distributions: map[string][]cloudwatch.Bucket{}}
			for name, from := range d.Distributions {
				for _, c := range from.Classes {
					r.Distributions[name] = append(r.Distributions[name], cloudwatch.Bucket{Value: float64(c.Middle()), Count: float64(c.Count)})
				}
			}
			all = append(all, r)
		}
	}
	return all
}
