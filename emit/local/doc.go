// Package local holds the destinations on this host: standard output and a file, one record per line. What they acknowledge is
// written (stdout) or on disk (file).
package local
