// Package awslocal is an in-process stand-in for Kinesis Data Streams, Data Firehose, CloudWatch and STS that speaks their
// real wire protocols on loopback, keeps their documented limits, and can be told to fail. The demo and the tests link it;
// nothing else may.
//
// Differences from the services that a test should know: a stream is ready at once unless Options.StatusDelay says
// otherwise, read rates (5 GetRecords calls and 2 MB a second and shard) are not limited, nothing is ever trimmed, and
// nobody is authorised or refused by policy except by a Fault.
package awslocal
