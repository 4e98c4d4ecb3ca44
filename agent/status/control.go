package status

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// maxSnapshot bounds what a client reads, in bytes: some 100,000 files.
const maxSnapshot = 64 << 20

// maxRefusal bounds the words of a refusal, in bytes.
const maxRefusal = 64 << 10

// ErrNoAgent says that nobody listens on a control socket.
var ErrNoAgent = errors.New("no agent listens")

// Route is what the control socket answers besides the snapshot. Pattern is http.ServeMux's.
type Route struct {
	Pattern string
	Handler http.HandlerFunc
}

// ListenControl serves the snapshot, and the routes, on a Unix socket (address is "unix://" and a path) with mode 0600, to root and to the user the
// agent runs as. A socket that nobody listens on any more is replaced; one that somebody does is an error.
func ListenControl(address string, snapshot func() *Snapshot, log *slog.Logger, routes ...Route) (*Server, error) {
	path := strings.TrimPrefix(address, "unix://")
	if err := clearSocket(path); err != nil {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	// Made under a name of its own and then moved, so that it is never there with other rights.
	fresh := fmt.Sprintf("%s.%d", path, os.Getpid())
	_ = os.Remove(fresh)
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: fresh, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("control socket: %w (set agent { control = \"unix:///...\" } to a place that can be written)", err)
	}
	l.SetUnlinkOnClose(false)
	if err := errors.Join(os.Chmod(fresh, 0o600), os.Rename(fresh, path)); err != nil {
		_ = l.Close()
		return nil, fmt.Errorf("control socket: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/status", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(snapshot())
	})
	for _, r := range routes {
		mux.HandleFunc(r.Pattern, r.Handler)
	}
	s := serve(peerListener{l, log}, mux, log.With("socket", path))
	s.remove = path
	return s, nil
}

// clearSocket removes a socket that a killed agent left behind.
func clearSocket(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode()&fs.ModeSocket == 0 {
		return fmt.Errorf("%s is there and is no socket: remove it, or set control to another path", path)
	}
	if c, err := (&net.Dialer{Timeout: time.Second}).Dial("unix", path); err == nil {
		_ = c.Close()
		return fmt.Errorf("%s is in use by another process", path)
	}
	return os.Remove(path)
}

// peerListener closes connections from other users than root and the agent's own, and hands on the rest with their user.
type peerListener struct {
	*net.UnixListener
	log *slog.Logger
}

func (l peerListener) Accept() (net.Conn, error) {
	for {
		c, err := l.AcceptUnix()
		if err != nil {
			return nil, err
		}
		uid, err := peer(c)
		if err == nil && (uid == 0 || int(uid) == os.Geteuid()) {
			return peerConn{c, uid}, nil
		}
		l.log.Warn("refused a connection to the control socket", "uid", uid, "error", err)
		_ = c.Close()
	}
}

// peerConn is a connection whose other end is known.
type peerConn struct {
	*net.UnixConn
	uid uint32
}

type peerKey struct{}

// withPeer is http.Server's ConnContext: it remembers who connected.
func withPeer(ctx context.Context, c net.Conn) context.Context {
	if p, ok := c.(peerConn); ok {
		return context.WithValue(ctx, peerKey{}, p.uid)
	}
	return ctx
}

// PeerUID tells a Route's handler which user asks: the effective uid the process had when it connected, as the kernel says (SO_PEERCRED). It is not
// ok for a request that did not come over the control socket.
func PeerUID(r *http.Request) (uid uint32, ok bool) {
	uid, ok = r.Context().Value(peerKey{}).(uint32)
	return uid, ok
}

func peer(c *net.UnixConn) (uid uint32, err error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0, err
	}
	var cred *unix.Ucred
	if e := raw.Control(func(fd uintptr) { cred, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) }); e != nil {
		return 0, e
	}
	if err != nil {
		return 0, err
	}
	return cred.Uid, nil
}

// Get asks the agent at a control address for its snapshot. Where no agent is, the error is ErrNoAgent.
func Get(ctx context.Context, address string) (*Snapshot, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	var s Snapshot
	if err := ask(ctx, address, http.MethodGet, "/v1/status", &s); err != nil {
		return nil, err
	}
	return &s, nil
}

// ask sends a request to the agent at a control address and reads its answer, until ctx ends.
func ask(ctx context.Context, address, method, target string, answer any) error {
	resp, err := Request(ctx, address, method, target)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if err := json.NewDecoder(http.MaxBytesReader(nil, resp.Body, maxSnapshot)).Decode(answer); err != nil {
		return fmt.Errorf("understand the agent on %s: %w", strings.TrimPrefix(address, "unix://"), err)
	}
	return nil
}

// Refused is the error for what the agent could do and does not, in its own words.
type Refused string

func (r Refused) Error() string { return string(r) }

// Request sends a request to the agent at a control address. Its answer, which is a good one, lasts until ctx ends and has to be closed.
func Request(ctx context.Context, address, method, target string) (*http.Response, error) {
	path := strings.TrimPrefix(address, "unix://")
	client := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", path)
		},
	}}
	req, err := http.NewRequestWithContext(ctx, method, "http://kinetail"+target, nil)
	if err != nil {
		return nil, err
	}
	resp, err := client.Do(req)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ECONNREFUSED):
		return nil, fmt.Errorf("%w on %s: is kinetail running with this configuration?", ErrNoAgent, path)
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("%s may be used by root and by the user kinetail runs as: %w", path, fs.ErrPermission)
	case err != nil:
		return nil, fmt.Errorf("ask the agent on %s: %w", path, err)
	}
	if resp.StatusCode == http.StatusOK {
		return resp, nil
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode == http.StatusBadRequest || resp.StatusCode == http.StatusForbidden {
		text, err := io.ReadAll(io.LimitReader(resp.Body, maxRefusal))
		if err != nil {
			return nil, fmt.Errorf("ask the agent on %s: %w", path, err)
		}
		return nil, Refused(strings.TrimSpace(string(text)))
	}
	target, _, _ = strings.Cut(target, "?")
	return nil, fmt.Errorf("the agent on %s does not know %s (it says %s): is it another version? Restart it", path, target, resp.Status)
}
