// Package kinetail is the root of the module and holds no code: the program is in agent, and imports run one way, agent ->
// emit -> pipeline -> tailer. The tests here keep it so.
package kinetail
