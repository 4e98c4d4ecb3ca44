// Package convert makes a kinetail configuration of the configuration of amazon-kinesis-agent, and positions of its positions. It keeps what
// arrives in the streams the same to the byte, and says what it does with every key: an improvement is a line of the report, never a silent change.
// It knows the other agent by its documentation only, holds nothing of its code, and copies no credentials.
package convert
