package agent

import (
	"context"

	"github.com/kinetail/kinetail/agent/config"
	"github.com/kinetail/kinetail/emit/awsconfig"
)

// Session is an AWS session as an aws block says, for commands. who is told to AWS in the name of an assumed role's session. Of the options
// it uses Version and Log.
func Session(ctx context.Context, c config.AWS, o Options, who string) (*awsconfig.Session, error) {
	a := &Agent{opts: o, log: o.Log}
	return awsconfig.Load(ctx, a.awsOptions(c, who))
}
