// Package agent puts the rooms together: it builds flows from a configuration, supervises them, reloads, reports and stops. It decides nothing
// about a record.
package agent
