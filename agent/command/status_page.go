package command

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/kinetail/kinetail/agent/status"
)

// servePage shows the agent's page to a browser on this host until ctx ends.
func servePage(ctx context.Context, cmd *cobra.Command, f statusFlags) error {
	if !status.Loopback(f.listen) {
		return usageError("--listen %s: the page is for this host: use 127.0.0.1 and a port, and reach it through ssh -L", f.listen)
	}
	get := func(ctx context.Context) ([]byte, error) { return status.GetPage(ctx, f.control) }
	if _, err := get(ctx); err != nil {
		return err
	}
	// The socket is for root and the agent's user, and a port is for everybody on the host: who does not know the address gets nothing.
	path := "/" + rand.Text() + "/"
	s, err := status.ListenPage(f.listen, status.PageHandler(path, f.listen, get), slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), nil)))
	if err != nil {
		return err
	}
	defer s.Close()
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "http://%s%s\n", s.Addr(), path)
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(cmd.ErrOrStderr(), "Open it in a browser on this host, or through ssh -L %s:%s. Ctrl-C ends it.\n", portOf(s.Addr()), s.Addr())
	<-ctx.Done()
	return nil
}
