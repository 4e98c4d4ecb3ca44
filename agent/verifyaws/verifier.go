package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go"

	"github.com/kinetail/kinetail/emit/awscall"
	"github.com/kinetail/kinetail/emit/awsconfig"
	"github.com/kinetail/kinetail/emit/retry"
)

// callTimeout bounds each call. There are fewer than thirty, and none is repeated.
const callTimeout = 30 * time.Second

type verifier struct {
	session                     *awsconfig.Session
	stream, delivery, namespace string
	results                     []result
}

// result is what was seen of one fact.
type result struct {
	fact, seen  string
	ok, skipped bool
}

// plan says what will be sent and about what it costs. Prices: Kinesis Data Streams, provisioned, and Firehose direct put, us-east-1, 2026-11: 0.014 USD per
// million PUT payload units of 25 KB, 0.029 USD per GB; CloudWatch: 0.30 USD per custom metric and month.
func (v *verifier) plan() string {
	var b strings.Builder
	b.WriteString("This sends to your own account, in " + v.session.Region() + ":\n")
	if v.stream != "" {
		fmt.Fprintf(&b, "  stream %s: about 2,600 small records and two of 1 MiB, some 2,700 PUT payload units, and fewer than 20 reads\n", v.stream)
	}
	if v.delivery != "" {
		fmt.Fprintf(&b, "  delivery stream %s: about 500 small records and one of 1,000 KiB, 4 MB as it is billed\n", v.delivery)
	}
	fmt.Fprintf(&b, "  CloudWatch: one metric in the namespace %s\n", v.namespace)
	b.WriteString("It costs less than 0.01 USD, and up to 0.30 USD for the metric, at prices of 2026-11 in us-east-1; check yours.\n")
	b.WriteString("Consumers of the streams will see the records: each begins with \"kinetail verify\".\n")
	return b.String()
}

func (v *verifier) all(ctx context.Context) []result {
	if v.stream != "" {
		v.kinesis(ctx)
	}
	if v.delivery != "" {
		v.firehose(ctx)
	}
	v.cloudwatch(ctx)
	return v.results
}

// check adds a result.
func (v *verifier) check(fact string, ok bool, seen string, args ...any) {
	v.results = append(v.results, result{fact: fact, ok: ok, seen: fmt.Sprintf(seen, args...)})
}

func (v *verifier) skip(fact, why string) {
	v.results = append(v.results, result{fact: fact, skipped: true, seen: why})
}

// refused expects an error of a code, or of one of several with | between, and of a class.
func (v *verifier) refused(fact string, err error, codes string, class retry.Class) {
	if err == nil {
		v.check(fact, false, "accepted")
		return
	}
	var api smithy.APIError
	code := ""
	if errors.As(err, &api) {
		code = api.ErrorCode()
	}
	known := false
	for _, c := range strings.Split(codes, "|") {
		known = known || c == code
	}
	got := retry.Classify(err)
	v.check(fact, known && got.Class == class, "%s, which is a fault of the class %s: %s", code, got.Class, got.Message)
}

func (v *verifier) cloudwatch(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	err := v.session.CloudWatch().PutMetricData(ctx, &awscall.PutMetricDataInput{
		Namespace: aws.String(v.namespace),
		MetricData: []awscall.MetricDatum{{
			MetricName: aws.String("SendLatency"), Unit: awscall.StandardUnitMilliseconds, Timestamp: aws.Time(time.Now()),
			Values: []float64{1, 2, 4}, Counts: []float64{10, 5, 1},
		}},
	})
	v.check("PutMetricData takes Values and Counts", err == nil, "%s", outcome(err))
}

func outcome(err error) string {
	if err == nil {
		return "accepted"
	}
	return retry.Classify(err).String()
}
