package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/kinetail/kinetail/agent/config"
	"github.com/kinetail/kinetail/agent/plan"
	"github.com/kinetail/kinetail/agent/status"
)

type planFlags struct {
	path, flow, output string
	rates, prices      []string
	sampleMB           int64
	live               time.Duration
	hosts, consumers   int
	peak               float64
}

func newPlan() *cobra.Command {
	var f planFlags
	c := &cobra.Command{
		Use:   "plan [FILE...]",
		Short: "Say how large a stream has to be, and what each way of packing costs",
		Long: `plan reads the newest lines of the files that the configuration follows, or of the files named, runs the steps and the packing of each flow
over them, and says how many records, shards and PUT units that is, and what a month of it costs, for each way of packing side by side. It sends
nothing and changes nothing.

How fast the files grow is known from --rate; else, with --live, from the running agent; else from the times that a parse step finds in the lines;
else from when the files were made and changed last. What was used is said.

Shards are those of the documented formula, and at least one for 1,000 records a second; they are for the average times --peak. The built-in
prices are ` + plan.PricesOf + `.
They are inputs: compare them with today's price list, and set yours with --price.`,
		Example: `  kinetail plan
  kinetail plan --hosts 200 --consumers 2 --peak 3
  kinetail plan --flow access --rate 1500 /var/log/nginx/access.log
  kinetail plan --live 30s
  kinetail plan --price shard-hour=0.018 --price put-units=0.0165
  kinetail plan -o json | jq '.flows[].emits[].variants[] | {aggregate, aggregate_size, cost: .month.provisioned_usd}'`,
		RunE: func(cmd *cobra.Command, args []string) error { return runPlan(cmd, &f, args) },
	}
	configFlag(c, &f.path)
	outputFlag(c, &f.output)
	c.Flags().StringVar(&f.flow, "flow", "", "only this `FLOW`")
	c.Flags().StringSliceVar(&f.rates, "rate", nil, "lines a second on each host, as `N` or FLOW=N")
	c.Flags().DurationVar(&f.live, "live", 0, "ask the running agent how fast it delivers, for this long, as 30s")
	c.Flags().IntVar(&f.hosts, "hosts", 1, "how many hosts send alike into the stream")
	c.Flags().IntVar(&f.consumers, "consumers", 1, "how many consumers read the stream, each all of it")
	c.Flags().Float64Var(&f.peak, "peak", 1, "how many times the average the shards are for")
	c.Flags().Int64Var(&f.sampleMB, "sample", 16, "how much of a flow's files is looked at, in `MiB`")
	c.Flags().StringSliceVar(&f.prices, "price", nil, "a price in USD, as `NAME=USD`: "+strings.Join(plan.PriceNames(), ", "))
	return c
}

func runPlan(cmd *cobra.Command, f *planFlags, files []string) error {
	o := plan.Options{Files: files, Sample: f.sampleMB << 20, Hosts: f.hosts, Consumers: f.consumers, Peak: f.peak, Prices: plan.DefaultPrices()}
	switch {
	case f.hosts < 1 || f.consumers < 1:
		return usageError("--hosts and --consumers are 1 or more")
	case !(f.peak > 0 && f.peak < 1e6):
		return usageError("--peak is above 0: 2 is for twice the average")
	case f.sampleMB < 1 || f.sampleMB > 1024:
		return usageError("--sample is from 1 to 1024 MiB")
	case f.live < 0:
		return usageError("--live is a time, as 30s")
	case f.live > 0 && len(f.rates) > 0:
		return usageError("--live and --rate both say how fast the files grow: use one of them")
	}
	for _, p := range f.prices {
		if err := o.Prices.Set(p); err != nil {
			return usageError("--price: %w", err)
		}
	}
	cfg, diags := config.Load(f.path, configOptions())
	if diags.HasErrors() {
		if err := show(cmd.ErrOrStderr(), diags); err != nil {
			return err
		}
		return fmt.Errorf("%w%w", hidden{errUsage}, errPrinted)
	}
	flows := cfg.Flows
	if f.flow != "" {
		flows = slices.DeleteFunc(slices.Clone(flows), func(c *config.Flow) bool { return c.Name != f.flow })
		if len(flows) == 0 {
			return noFlow(cfg, "--flow", f.flow)
		}
	}
	if len(files) > 0 && len(flows) > 1 {
		return usageError("there are %d flows: say with --flow of which the files are", len(flows))
	}
	ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	rates, err := givenRates(f.rates, cfg)
	if err == nil && f.live > 0 {
		rates, err = liveRates(ctx, controlOf(cfg), f.live)
	}
	if err != nil {
		return err
	}
	return writePlans(ctx, cmd, cfg, flows, &o, rates, f)
}

func writePlans(ctx context.Context, cmd *cobra.Command, cfg *config.Config, flows []*config.Flow, o *plan.Options, rates map[string]plan.Rate, f *planFlags) error {
	var planned []*plan.Flow
	var wrong []string
	for _, c := range flows {
		own := *o
		for _, name := range []string{c.Name, ""} {
			if rate, ok := rates[name]; ok && own.Rate == nil {
				own.Rate = &rate
			}
		}
		p, err := plan.Make(ctx, cfg, c, own)
		if errors.Is(err, plan.ErrPipes) && len(flows) > 1 { // those of the others are right without it
			_, _ = fmt.Fprintf(cmd.ErrOrStderr(), "flow %s is left out: %v\n", c.Name, err)
			continue
		}
		if err != nil {
			wrong = append(wrong, fmt.Sprintf("flow %s: %v", c.Name, err))
			continue
		}
		planned = append(planned, p)
	}
	var err error
	if f.output == "json" {
		err = json.NewEncoder(cmd.OutOrStdout()).Encode(struct {
			Hosts     int          `json:"hosts"`
			Consumers int          `json:"consumers"`
			Peak      float64      `json:"peak"`
			Prices    plan.Prices  `json:"prices"`
			PricesOf  string       `json:"prices_of"`
			Flows     []*plan.Flow `json:"flows"`
		}{o.Hosts, o.Consumers, o.Peak, o.Prices, pricesOf(f), planned})
	} else if len(planned) > 0 {
		err = writePlanText(cmd.OutOrStdout(), planned, o, f)
	}
	if err == nil && len(wrong) > 0 {
		err = fmt.Errorf("%s", strings.Join(wrong, "\nkinetail: "))
	}
	return err
}

func pricesOf(f *planFlags) string {
	if len(f.prices) > 0 {
		return "given with --price; the others: " + plan.PricesOf
	}
	return plan.PricesOf
}

func writePlanText(w io.Writer, planned []*plan.Flow, o *plan.Options, f *planFlags) error {
	for i, p := range planned {
		if i > 0 {
			_, _ = fmt.Fprintln(w)
		}
		if err := p.WriteText(w, o, columns(w, 80)); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(w, "\nPrices: %s.\nCheck them against today's list, and set yours with --price. A month is %d hours.\n", pricesOf(f), plan.MonthHours)
	return err
}

// givenRates reads --rate: by flow, and under "" what holds for the others.
func givenRates(texts []string, cfg *config.Config) (map[string]plan.Rate, error) {
	rates := map[string]plan.Rate{}
	for _, text := range texts {
		name, value, named := strings.Cut(text, "=")
		if !named {
			name, value = "", text
		}
		n, err := strconv.ParseFloat(value, 64)
		if err != nil || !(n > 0 && n < 1e12) {
			return nil, usageError("--rate %s: write a number of lines a second, as 500, or %s=500", text, cfg.Flows[0].Name)
		}
		if named && !slices.ContainsFunc(cfg.Flows, func(c *config.Flow) bool { return c.Name == name }) {
			return nil, usageError("--rate %s: there is no flow %s", text, name)
		}
		rates[name] = plan.Rate{Lines: n, From: "--rate"}
	}
	return rates, nil
}

// liveRates asks the running agent twice how much it has delivered.
func liveRates(ctx context.Context, control string, wait time.Duration) (map[string]plan.Rate, error) {
	first, err := status.Get(ctx, control)
	if err != nil {
		return nil, err
	}
	began := time.Now()
	if !sleep(ctx, wait) {
		return nil, ctx.Err()
	}
	second, err := status.Get(ctx, control)
	if err != nil {
		return nil, err
	}
	took := time.Since(began)
	before, after := linesOf(first), linesOf(second)
	rates := map[string]plan.Rate{}
	for _, name := range slices.Sorted(maps.Keys(after)) {
		if n := after[name] - before[name]; n > 0 {
			rates[name] = plan.Rate{Lines: float64(n) / took.Seconds(), From: "the running agent", Span: took.Seconds()}
		}
	}
	if len(rates) == 0 {
		return nil, fmt.Errorf("the running agent has delivered nothing within %s: wait longer, or say the rate with --rate", wait)
	}
	return rates, nil
}

// linesOf are the lines that each flow is done with.
func linesOf(s *status.Snapshot) map[string]int64 {
	lines := map[string]int64{}
	for _, f := range s.Flows {
		n := f.Dropped.Total()
		if len(f.Destinations) > 0 {
			c := f.Destinations[0].Counters
			n += c["RecordsSent"] + c["RecordsDeadLettered"] + c["RecordsDropped"]
		}
		lines[f.Name] = n
	}
	return lines
}
