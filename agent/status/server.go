package status

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"
)

// Handler serves /healthz (200 while alive says the agent's loops make progress), /readyz (503 with the reasons while something keeps it
// from delivering; files that cannot be read are among the reasons and no reason for it, as long as their flow reads others) and /metrics for
// Prometheus, and nothing else. summary is snapshot with only the files that cannot be read.
func Handler(summary, snapshot func() *Snapshot, alive func() error) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		var reasons []string
		if err := alive(); err != nil {
			reasons = append(reasons, err.Error())
		}
		answer(w, len(reasons) == 0, reasons)
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		s := summary()
		trouble := s.Trouble(time.Now())
		answer(w, len(trouble) == 0, append(trouble, s.missing()...))
	})
	mux.HandleFunc("GET /metrics", serveMetrics(summary, snapshot))
	return mux
}

func answer(w http.ResponseWriter, ok bool, reasons []string) {
	w.Header().Set("Content-Type", "application/json")
	if !ok {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"ok": ok, "reasons": append([]string{}, reasons...)})
}

// Server is a running listener.
type Server struct {
	addr   string
	http   *http.Server
	done   chan struct{}
	remove string // a socket to remove at the end
}

// Listen serves h on a TCP address until Close. An address that is taken is an error; the agent runs without it.
func Listen(address string, h http.Handler, log *slog.Logger) (*Server, error) {
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen for health and metrics: %w (set agent { listen = ... } to another address or \"off\")", err)
	}
	return serve(l, h, log.With("address", address)), nil
}

func serve(l net.Listener, h http.Handler, log *slog.Logger) *Server {
	s := &Server{
		addr: l.Addr().String(),
		http: &http.Server{
			Handler: h, ReadHeaderTimeout: 5 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: time.Minute, ConnContext: withPeer,
		},
		done: make(chan struct{}),
	}
	go func() {
		defer close(s.done)
		if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			log.Error("a listener ended", "error", err)
		}
	}()
	return s
}

// Addr is where it listens: host and port, or the path of a socket.
func (s *Server) Addr() string { return s.addr }

// Close ends the listener and its connections.
func (s *Server) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := s.http.Shutdown(ctx); err != nil {
		_ = s.http.Close()
	}
	<-s.done
	if s.remove != "" {
		_ = os.Remove(s.remove)
	}
}
