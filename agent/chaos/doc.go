// Package chaos lets everything go wrong at once, for minutes, and counts what arrived: real kinetail processes that are killed, stopped and
// reloaded, the real logrotate in all its modes, and a service that fails in every way it can. It holds a test only (build tag chaos; `make
// chaos`), and its writers and its verdict share no code with what they judge.
package chaos
