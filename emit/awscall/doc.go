// Package awscall makes the few calls to Firehose and CloudWatch with the SDK's own parts: its signer, protocols, retries, errors and rules for
// partitions. The SDK's clients of these services bring all operations with all their types along, 0.9 MB of the binary. It may not judge an
// answer, and knows nothing of records.
package awscall
