package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kinetail/kinetail/agent/status"
)

func newResume() *cobra.Command {
	var path, output string
	c := &cobra.Command{
		Use:   "resume FLOW",
		Short: "Try at once what a flow could not send",
		Long: `resume tells the running agent that what kept a flow from sending is mended: whatever waits for an open circuit is tried at once, and not in
up to 30 s, when it would be anyway.

It is needed where the service has refused more records in a minute than dead_letter's max_rate allows: then nothing of the flow is sent any
more, for so many refusals mostly mean that something is wrong with all records. Look at those that were refused, mend their cause, and resume;
up to max_rate records a minute may become dead letters again.`,
		Example: "  kinetail resume access\n  kinetail dead-letter show access && kinetail resume access",
		Args:    takes(1, 1),
		RunE:    func(cmd *cobra.Command, args []string) error { return resume(cmd, path, output, args[0]) },
	}
	configFlag(c, &path)
	outputFlag(c, &output)
	return c
}

func resume(cmd *cobra.Command, path, output, flow string) error {
	cfg, err := loadToAsk(path)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), 10*time.Second)
	defer cancel()
	r, err := status.Resume(ctx, controlOf(cfg), flow)
	if err != nil {
		return err
	}
	if r.Error != "" {
		return errors.New(r.Error)
	}
	out := cmd.OutOrStdout()
	switch {
	case output == "json":
		return json.NewEncoder(out).Encode(r)
	case len(r.Destinations) == 0:
		_, err = fmt.Fprintf(out, "nothing of flow %s waits for that: no circuit is open\n", flow)
	default:
		_, err = fmt.Fprintf(out, "tried now: %s of flow %s ('kinetail status' shows whether it is taken)\n", strings.Join(r.Destinations, ", "), flow)
	}
	return err
}
