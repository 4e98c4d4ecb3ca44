// Package integration runs the real binary against programs that others wrote: nginx, Apache and rsyslog write the logs, logrotate rotates
// them, and kinesis-local is the stream. It holds tests only (build tag integration; `make integration` installs what they need),
// and it drives kinetail from outside: it may not import the program's own packages, except emit/awslocal, the endpoint for what
// has no third-party server.
package integration
