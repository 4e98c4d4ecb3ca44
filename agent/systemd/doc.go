// Package systemd tells the service manager how the agent is, and says whether the journal is listening. It knows nothing of the agent, and
// away from systemd it does nothing.
package systemd
