// Command verifyaws checks the facts about Kinesis Data Streams, Firehose and CloudWatch that kinetail relies on, against the real services, in the account of whoever runs it:
// make verify-aws STREAM=name DELIVERY_STREAM=name. It is bounded, prints what it will send and about what that costs, and asks first. It is no part of the binary, and no
// test or CI run calls it against AWS: its own test runs it against awslocal.
package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/kinetail/kinetail/emit/awsconfig"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdin, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "verifyaws:", err)
		os.Exit(1)
	}
}

// run checks everything and prints a table. The error says how many facts were not as expected.
func run(ctx context.Context, args []string, in io.Reader, out io.Writer) error {
	flags := flag.NewFlagSet("verifyaws", flag.ContinueOnError)
	flags.SetOutput(out)
	stream := flags.String("stream", "", "name of a data stream; records are put into it")
	delivery := flags.String("delivery-stream", "", "name of a delivery stream; records are put into it")
	namespace := flags.String("namespace", "Kinetail/Verify", "CloudWatch namespace of the one metric that is published")
	region := flags.String("region", "", "else the SDK's chain decides")
	endpoint := flags.String("endpoint", "", "for trying this command itself against an endpoint that is not AWS")
	yes := flags.Bool("yes", false, "do not ask")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *stream == "" && *delivery == "" {
		return fmt.Errorf("nothing to verify: name a stream with -stream, a delivery stream with -delivery-stream, or both")
	}
	session, err := awsconfig.Load(ctx, awsconfig.Options{
		Region: *region, Endpoint: *endpoint, Destination: "verify", Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return err
	}
	defer session.Close()
	v := &verifier{session: session, stream: *stream, delivery: *delivery, namespace: *namespace}
	if _, err := fmt.Fprint(out, v.plan()); err != nil {
		return err
	}
	if !*yes {
		_, _ = fmt.Fprint(out, "Go on? [y/N] ")
		answer, _ := bufio.NewReader(in).ReadString('\n')
		if a := strings.ToLower(strings.TrimSpace(answer)); a != "y" && a != "yes" {
			return fmt.Errorf("nothing was sent")
		}
	}
	results := v.all(ctx)
	return report(out, results, time.Now())
}

func report(out io.Writer, results []result, now time.Time) error {
	_, _ = fmt.Fprintf(out, "\nVerified %s\n\n", now.UTC().Format(time.DateOnly))
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	wrong := 0
	for _, r := range results {
		mark := "as expected"
		switch {
		case r.skipped:
			mark = "not tried"
		case !r.ok:
			mark = "DIFFERENT"
			wrong++
		}
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\n", mark, r.fact, r.seen)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if wrong > 0 {
		return fmt.Errorf("%d facts are not as kinetail expects them: please report the table above", wrong)
	}
	return nil
}
