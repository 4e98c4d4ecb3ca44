package agent

import (
	"context"

	"github.com/kinetail/kinetail/agent/config"
	"github.com/kinetail/kinetail/emit/awsconfig"
)

// Session is an AWS session as an aws block says, for commands. who is told to AWS in the name of an assumed role's session. Of the options
// it uses Version and Log. contacted, which may be nil, is told the host of every request.
func Session(ctx context.Context, c config.AWS, o Options, who string, contacted func(host string)) (*awsconfig.Session, error) {
	options := (&Agent{opts: o, log: o.Log}).awsOptions(c, who)
	options.Contacted = contacted
	return awsconfig.Load(ctx, options)
}
