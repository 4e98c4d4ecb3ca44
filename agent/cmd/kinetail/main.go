// Kinetail follows rotating log files and delivers every line to Amazon Kinesis Data Streams or Amazon Data Firehose.
package main

import (
	"os"

	"github.com/kinetail/kinetail/agent/command"
)

func main() { os.Exit(command.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }
