// Package sqlite reads the rows of a table out of a SQLite 3 database file, and nothing else: no SQL, no indexes, no writing. It follows the file
// format as sqlite.org documents it (fileformat2.html), with overflow pages and the write-ahead log, takes any bytes without panicking, and
// refuses what it cannot be sure of.
package sqlite
