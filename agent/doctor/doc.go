// Package doctor answers "why is nothing arriving?": it looks at what stands between log files and their destinations, and says in plain words
// what is wrong and what to do. It changes nothing and sends no record.
package doctor
