// Package tap shows viewers the records of a running flow as they are after each step. It may never hold a flow up: what a viewer does not take in
// time, and what looking at would cost more than its share of a core, goes by unseen and is counted.
package tap
