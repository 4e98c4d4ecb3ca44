package command

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os/signal"
	"strings"
	"syscall"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/kinetail/kinetail/agent"
	"github.com/kinetail/kinetail/agent/config"
	"github.com/kinetail/kinetail/agent/read"
)

type readFlags struct {
	path, stream, from, output, checkpoint string
	region, profile, endpoint              string
	limit                                  int64
	lasting                                time.Duration
	once, asIs, verify                     bool
}

func newRead() *cobra.Command {
	var f readFlags
	c := &cobra.Command{
		Use:   "read",
		Short: "Read a Kinesis stream and print its records",
		Long: `read prints the records of a Kinesis stream, all shards together: records of the KPL's aggregated format one by one, compressed ones opened,
and those of a CloudWatch Logs subscription event by event. It follows splits and merges, and with --checkpoint goes on where it ended.

It is for looking at a stream, and for proving in small what is in it: one process, a few calls at a time, all of them taken from what the
stream's other readers may do (5 reads a second and shard together). To consume a stream for good, use the Kinesis Client Library, AWS Lambda, or
Apache Flink.

With --verify-ids it prints no records but what their ids say, where record.id is a part of them or their partition key: how many came more than
once, and how many places lie between two records of a file that no record covers. What the configuration drops, cuts off or refuses leaves such
places too; without any, nothing was lost in between. It ends with 1 if there are some.

Region, identity and endpoint are those of the emit block that names the stream in the configuration, else of its aws block, else the AWS SDK's
own; the flags go before. It needs kinesis:ListShards, kinesis:GetShardIterator and kinesis:GetRecords.`,
		Example: `  kinetail read --stream web-access
  kinetail read --stream web-access --from beginning --once -o json | jq -r .partition_key | sort | uniq -c
  kinetail read --stream web-access --from beginning --limit 100 -o raw
  kinetail read --stream web-access --from beginning --once --verify-ids
  kinetail read --stream web-access --for 10m --checkpoint /tmp/web-access.json`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.check(); err != nil {
				return err
			}
			return readStream(cmd, &f)
		},
	}
	configFlag(c, &f.path)
	c.Flags().StringVar(&f.stream, "stream", "", "the stream's `NAME` or ARN (required)")
	c.Flags().StringVar(&f.from, "from", "latest", "where to begin: latest or beginning")
	c.Flags().StringVarP(&f.output, "output", "o", "text", "text (quoted where it could harm a terminal), raw or json")
	c.Flags().Int64Var(&f.limit, "limit", 0, "end after so many records; 0 is no limit")
	c.Flags().DurationVar(&f.lasting, "for", 0, "end after this time, as 10m; 0 is no limit")
	c.Flags().BoolVar(&f.once, "once", false, "end when everything that is in the stream is read")
	c.Flags().BoolVar(&f.asIs, "as-is", false, "leave aggregated and compressed records as they are")
	c.Flags().BoolVar(&f.verify, "verify-ids", false, "say what is lost and what is repeated by record.id, instead of printing records")
	c.Flags().StringVar(&f.checkpoint, "checkpoint", "", "remember in this `FILE` how far it came, and go on there")
	c.Flags().StringVar(&f.region, "region", "", "AWS region")
	c.Flags().StringVar(&f.profile, "profile", "", "profile of the AWS configuration files")
	c.Flags().StringVar(&f.endpoint, "endpoint", "", "`URL` of another endpoint than AWS's own")
	_ = c.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"text", "raw", "json"}, cobra.ShellCompDirectiveNoFileComp))
	_ = c.RegisterFlagCompletionFunc("from", cobra.FixedCompletions([]string{"latest", "beginning"}, cobra.ShellCompDirectiveNoFileComp))
	return c
}

func (f *readFlags) check() error {
	switch {
	case f.stream == "":
		return usageError("--stream is missing: name the stream to read")
	case f.from != "latest" && f.from != "beginning":
		return usageError("--from %s: use latest or beginning", f.from)
	case f.output != "text" && f.output != "raw" && f.output != "json":
		return usageError("-o %s: use text, raw or json", f.output)
	case f.limit < 0:
		return usageError("--limit %d: use 1 or more, or 0 for no limit", f.limit)
	case f.verify && f.output == "raw":
		return usageError("--verify-ids with -o raw: use text or json")
	case f.lasting < 0:
		return usageError("--for %s: use a time above 0", f.lasting)
	}
	return nil
}

// names are the stream's name and, if that is how it was given, its ARN.
func (f *readFlags) names() (name, arn string) {
	if _, after, ok := strings.Cut(f.stream, ":stream/"); ok {
		return after, f.stream
	}
	return f.stream, ""
}

// aws says how to reach the stream.
func (f *readFlags) aws(cmd *cobra.Command) (config.AWS, error) {
	c := config.AWS{}
	cfg, diags := config.Load(f.path, configOptions())
	if diags.HasErrors() {
		if cmd.Flags().Changed("config") {
			return c, usageError("the configuration %s is wrong: see 'kinetail validate -c %s'", f.path, f.path)
		}
	} else {
		c = cfg.AWS
		name, arn := f.names()
		for _, flow := range cfg.Flows {
			for _, e := range flow.Emits {
				if e.Kind == "kinesis" && (e.Stream == name || arn != "" && e.StreamARN == arn || strings.HasSuffix(e.StreamARN, ":stream/"+name)) {
					c = e.AWS
				}
			}
		}
	}
	if f.region != "" {
		c.Region = f.region
	}
	if f.profile != "" {
		c.Profile = f.profile
	}
	if f.endpoint != "" {
		c.Endpoint, c.Endpoints = f.endpoint, config.Endpoints{}
	}
	return c, nil
}

func readStream(cmd *cobra.Command, f *readFlags) error {
	ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	block, err := f.aws(cmd)
	if err != nil {
		return err
	}
	name, arn := f.names()
	log := slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), nil))
	o := read.Options{
		Stream: name, StreamARN: arn, Beginning: f.from == "beginning", Once: f.once, Limit: f.limit, AsIs: f.asIs, Log: log,
	}
	if f.checkpoint != "" {
		if o.Checkpoint, err = read.OpenCheckpoint(f.checkpoint, f.stream); err != nil {
			return err
		}
	}
	session, err := agent.Session(ctx, block, agent.Options{Version: Version, Log: log}, "read", nil)
	if err != nil {
		return err
	}
	defer session.Close()
	o.Client, o.Invalidate = session.Kinesis(), session.Invalidate
	if f.lasting > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, f.lasting)
		defer cancel()
	}
	out := bufio.NewWriterSize(cmd.OutOrStdout(), 64<<10)
	o.Flush = out.Flush
	o.Handle = func(r *read.Record) error { return printRecord(out, f.output, r) }
	if f.verify {
		return verifyIDs(ctx, cmd, f, o)
	}
	s, err := read.Run(ctx, o)
	printSummary(cmd, f, &s)
	return err
}

// verifyIDs reads for the ids alone.
func verifyIDs(ctx context.Context, cmd *cobra.Command, f *readFlags, o read.Options) error {
	var v read.Verifier
	o.Handle = func(r *read.Record) error { v.Add(r); return nil }
	s, err := read.Run(ctx, o)
	printSummary(cmd, f, &s)
	if err != nil {
		return err
	}
	verdict := v.Verdict()
	out := cmd.OutOrStdout()
	if f.output == "json" {
		err = json.NewEncoder(out).Encode(&verdict)
	} else {
		_, err = fmt.Fprintf(out, "%d records with an id, of %d files' bodies; %d of them are repeats\n", verdict.Records, verdict.Generations, verdict.Repeated)
		for _, h := range verdict.Holes {
			_, _ = fmt.Fprintf(out, "nothing covers bytes %d to %d of generation %s\n", h.Start, h.End, h.Generation)
		}
	}
	switch {
	case err != nil:
		return err
	case verdict.Records == 0:
		return errors.New("no record has an id: set a field or the partition key to record.id in the flow")
	case verdict.WithoutID > 0:
		_, _ = fmt.Fprintf(cmd.ErrOrStderr(), "%d records have no id: nothing can be said of them\n", verdict.WithoutID)
	}
	if verdict.Lost > 0 {
		return fmt.Errorf("%d places between records, %s together, are covered by no record: they were lost, or dropped, cut off or refused as the configuration says", verdict.Lost, size(verdict.LostBytes))
	}
	return nil
}

func printSummary(cmd *cobra.Command, f *readFlags, s *read.Summary) {
	text := fmt.Sprintf("read %d records, %s, out of %d Kinesis records in %d shards", s.Records, size(s.Bytes), s.KinesisRecords, s.Shards)
	if s.Aggregates > 0 {
		text += fmt.Sprintf("; %d are aggregates", s.Aggregates)
	}
	if s.Misplaced > 0 {
		text += fmt.Sprintf("; %d aggregates hold records of another shard: the Kinesis Client Library would drop them", s.Misplaced)
	}
	if s.Records == 0 && f.from == "latest" && f.checkpoint == "" {
		text += "; --from beginning reads what came before"
	}
	_, _ = fmt.Fprintln(cmd.ErrOrStderr(), text)
}

// shownRecord is a record with -o json.
type shownRecord struct {
	Shard           string    `json:"shard"`
	Sequence        string    `json:"sequence"`
	Part            int       `json:"part"` // of the Kinesis record, from 0
	Parts           int       `json:"parts"`
	PartitionKey    string    `json:"partition_key"`
	ExplicitHashKey string    `json:"explicit_hash_key,omitempty"`
	Arrival         time.Time `json:"arrival,omitzero"`
	Aggregated      bool      `json:"aggregated,omitempty"`
	Misplaced       bool      `json:"misplaced,omitempty"`
	Compression     string    `json:"compression,omitempty"`
	LogGroup        string    `json:"log_group,omitempty"`
	LogStream       string    `json:"log_stream,omitempty"`
	LogID           string    `json:"log_id,omitempty"`
	LogTime         time.Time `json:"log_time,omitzero"`
	Data            *string   `json:"data,omitempty"`
	Base64          []byte    `json:"data_base64,omitempty"`
}

func printRecord(out *bufio.Writer, output string, r *read.Record) error {
	switch output {
	case "raw":
		return writeLine(out, r.Data)
	case "text":
		_, err := out.WriteString(safe(bytes.TrimSuffix(r.Data, []byte("\n"))) + "\n")
		return err
	}
	s := shownRecord{
		Shard: r.Shard, Sequence: r.Sequence, Part: r.Part, Parts: r.Parts, PartitionKey: r.PartitionKey, ExplicitHashKey: r.ExplicitHashKey,
		Arrival: r.Arrival, Aggregated: r.Aggregated, Misplaced: r.Misplaced, Compression: r.Compression,
	}
	if r.Log != nil {
		s.LogGroup, s.LogStream, s.LogID, s.LogTime = r.Log.Group, r.Log.Stream, r.Log.ID, r.Log.Time
	}
	if utf8.Valid(r.Data) {
		text := string(r.Data)
		s.Data = &text
	} else {
		s.Base64 = r.Data
	}
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	return enc.Encode(&s)
}
