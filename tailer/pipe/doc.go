// Package pipe reads named pipes and standard input and hands out batches like the follower. A pipe has no position: what was
// read from it and not delivered is lost in a crash, and what is read but not yet handed out (up to one window of the framer) is lost
// at Close.
package pipe
