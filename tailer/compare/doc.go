// Package compare lets this project's follower and nxadm/tail follow the same rotating file, and counts what each of them lost and repeated.
// It holds a test only (build tag compare; `make compare-tail`), and nothing may import it.
package compare
