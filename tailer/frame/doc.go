// Package frame finds records in raw bytes: lines, multi-line events and container fragments. Its framers keep nothing between
// calls, so the same bytes give the same records however they are cut into calls, and a position is always the end of a
// record. They know no files and no clock.
package frame
