package systemd

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// maxStatus bounds STATUS= in bytes: one line of `systemctl status`, and far below what a datagram holds.
const maxStatus = 500

// Notifier sends the datagrams of sd_notify(3). A nil Notifier is one that nobody listens to. Safe for concurrent use.
type Notifier struct {
	conn     *net.UnixConn
	watchdog time.Duration
}

// FromEnvironment is the Notifier of the service manager that started this process: nil if there is none. The error says that there is one and that it
// can't be told anything.
func FromEnvironment() (*Notifier, error) {
	path := os.Getenv("NOTIFY_SOCKET")
	if path == "" {
		return nil, nil
	}
	if path[0] != '/' && path[0] != '@' {
		return nil, fmt.Errorf("NOTIFY_SOCKET is %q: only Unix sockets are understood", path)
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		return nil, fmt.Errorf("reach the service manager: %w", err)
	}
	return &Notifier{conn: conn, watchdog: watchdog()}, nil
}

// watchdog is WatchdogSec= of the unit, if it is meant for this process.
func watchdog() time.Duration {
	if pid := os.Getenv("WATCHDOG_PID"); pid != "" && pid != strconv.Itoa(os.Getpid()) {
		return 0
	}
	n, err := strconv.ParseInt(os.Getenv("WATCHDOG_USEC"), 10, 64)
	if err != nil || n <= 0 {
		return 0
	}
	return time.Duration(n) * time.Microsecond
}

// Watchdog is the longest time that may pass between two calls of Alive; 0 if nobody waits for them.
func (n *Notifier) Watchdog() time.Duration {
	if n == nil {
		return 0
	}
	return n.watchdog
}

// Ready says that the service has started, or that a reload is over.
func (n *Notifier) Ready() error { return n.send("READY=1") }

// Reloading says that a reload begins. Ready ends it.
func (n *Notifier) Reloading() error {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return fmt.Errorf("read the monotonic clock: %w", err)
	}
	return n.send("RELOADING=1", "MONOTONIC_USEC="+strconv.FormatInt(now.Nano()/1000, 10))
}

// Stopping says that the service ends, and asks for time to do so.
func (n *Notifier) Stopping(within time.Duration) error {
	return n.send("STOPPING=1", "EXTEND_TIMEOUT_USEC="+strconv.FormatInt(within.Microseconds(), 10))
}

// Alive feeds the watchdog.
func (n *Notifier) Alive() error { return n.send("WATCHDOG=1") }

// Status is the line that `systemctl status` shows.
func (n *Notifier) Status(text string) error {
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > maxStatus {
		text = text[:maxStatus-len("...")] + "..."
	}
	return n.send("STATUS=" + strings.ToValidUTF8(text, ""))
}

func (n *Notifier) send(assignments ...string) error {
	if n == nil {
		return nil
	}
	if _, err := n.conn.Write([]byte(strings.Join(assignments, "\n"))); err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("tell the service manager %s: %w", assignments[0], err)
	}
	return nil
}

// Close ends the connection. What is sent afterwards is dropped.
func (n *Notifier) Close() {
	if n != nil {
		_ = n.conn.Close()
	}
}
