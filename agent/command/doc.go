// Package command is the command line, one file per command. It parses arguments, prints, and maps errors to exit codes; the work is
// done by the packages it calls.
package command
