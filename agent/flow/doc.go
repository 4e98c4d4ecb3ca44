// Package flow runs one configured way: files -> steps -> destinations. It owns the order in which they are built, stopped and
// torn down; it neither frames nor sends.
package flow
