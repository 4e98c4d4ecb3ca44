package agent

import (
	"context"

	"github.com/kinetail/kinetail/agent/config"
	"github.com/kinetail/kinetail/agent/metadata"
)

// startMetadata asks for what the expressions of a configuration read of the agent's surroundings, and for nothing else.
func (a *Agent) startMetadata(ctx context.Context, cfg *config.Config) {
	if a.opts.Metadata == nil {
		return
	}
	needs := metadata.Needs{EC2: cfg.Uses("ec2"), ECS: cfg.Uses("ecs")}
	if cfg.Uses("k8s", "labels", "annotations") {
		k := &cfg.Kubernetes
		needs.Pods = &metadata.PodOptions{Node: k.Node, Server: k.APIServer, TokenFile: k.TokenFile, CAFile: k.CAFile, Wait: k.Wait}
	}
	a.opts.Metadata.Start(ctx, needs, a.log)
}
