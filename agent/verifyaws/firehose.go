package main

import (
	"bytes"
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/kinetail/kinetail/emit/awscall"
	"github.com/kinetail/kinetail/emit/retry"
)

func (v *verifier) firehose(ctx context.Context) {
	client := v.session.Firehose()
	put := func(stream string, records ...awscall.Record) (*awscall.PutRecordBatchOutput, error) {
		ctx, cancel := context.WithTimeout(ctx, callTimeout)
		defer cancel()
		return client.PutRecordBatch(ctx, &awscall.PutRecordBatchInput{DeliveryStreamName: &stream, Records: records})
	}
	many := func(n int) (all []awscall.Record) {
		for i := range n {
			all = append(all, awscall.Record{Data: fmt.Appendf(nil, "kinetail verify %d\n", i)})
		}
		return all
	}
	large := func(size int) awscall.Record {
		return awscall.Record{Data: bytes.Repeat([]byte("kinetail verify\n"), size/16+1)[:size]}
	}
	out, err := put(v.delivery, many(500)...)
	v.check("PutRecordBatch takes 500 records in a call", err == nil && aws.ToInt32(out.FailedPutCount) == 0, "%s", outcome(err))
	_, err = put(v.delivery, many(501)...)
	v.refused("501 records in a call are refused as data by Firehose", err, "InvalidArgumentException|ValidationException", retry.Data)
	_, err = put(v.delivery, large(1000<<10))
	v.check("Firehose takes a record of 1,000 KiB", err == nil, "%s", outcome(err))
	_, err = put(v.delivery, large(1000<<10+1))
	v.refused("a record of more than 1,000 KiB is refused as data by Firehose", err, "InvalidArgumentException|ValidationException", retry.Data)
	_, err = put("kinetail-verify-no-such-stream", many(1)...)
	v.refused("a delivery stream that is not there is a mistake of the configuration", err, "ResourceNotFoundException", retry.Configuration)
}
