package awslocal

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Server stands for the services of one account in one region. It is an http.Handler, and Start serves it on loopback.
// Its methods are safe for concurrent use.
type Server struct {
	opts   Options
	faults faultSet
	counts counterSet
	rates  atomic.Uint64 // math.Float64bits of the scale; 0 = no rates
	skew   atomic.Int64  // of the clock that signatures are judged by, in nanoseconds

	kinesis  kinesisService
	firehose firehoseService
	metrics  metricStore
	keys     keyring
	requests atomic.Uint64 // for request ids

	ctx  context.Context // ends waiting handlers
	stop context.CancelFunc

	mu     sync.Mutex
	http   *http.Server
	served chan struct{} // closed when Serve has returned
	ca     *authority
	url    string
	busy   sync.WaitGroup
}

// New makes a server. It opens nothing yet but Options.FirehoseDir.
func New(opts Options) (*Server, error) {
	opts.setDefaults()
	s := &Server{opts: opts}
	s.ctx, s.stop = context.WithCancel(context.Background())
	s.faults.seed = opts.Seed
	s.SetRates(opts.RateScale)
	if opts.NoRates {
		s.SetRates(0)
	}
	s.keys.init(opts.Credentials)
	s.kinesis.streams = map[string]*stream{}
	s.firehose.streams = map[string]*deliveryStream{}
	for _, c := range opts.Streams {
		if err := s.CreateStream(c); err != nil {
			return nil, fmt.Errorf("create stream %q: %w", c.Name, err)
		}
	}
	for _, c := range opts.DeliveryStreams {
		if err := s.CreateDeliveryStream(c); err != nil {
			return nil, fmt.Errorf("create delivery stream %q: %w", c.Name, err)
		}
	}
	return s, nil
}

// Start listens on a free port of 127.0.0.1 and returns the URL to use as the endpoint of every service.
func (s *Server) Start() (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.http != nil {
		return "", errors.New("awslocal: started already")
	}
	listener, err := (&net.ListenConfig{}).Listen(s.ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("listen on loopback: %w", err)
	}
	server := &http.Server{
		Handler:           s,
		ReadHeaderTimeout: 30 * time.Second,
		BaseContext:       func(net.Listener) context.Context { return s.ctx },
		ErrorLog:          slog.NewLogLogger(slog.DiscardHandler, slog.LevelError), // aborted connections are meant
	}
	scheme := "http"
	if s.opts.TLS {
		scheme = "https"
		if s.ca, err = newAuthority(); err != nil {
			_ = listener.Close()
			return "", err
		}
		server.TLSConfig = &tls.Config{Certificates: []tls.Certificate{s.ca.leaf}, MinVersion: tls.VersionTLS12}
		server.Protocols = new(http.Protocols)
		server.Protocols.SetHTTP1(true)
		server.Protocols.SetHTTP2(s.opts.HTTP2)
	}
	s.http, s.served = server, make(chan struct{})
	s.url = scheme + "://" + listener.Addr().String()
	go func() {
		defer close(s.served)
		if s.opts.TLS {
			_ = server.ServeTLS(listener, "", "") // always ErrServerClosed, from Close
		} else {
			_ = server.Serve(listener)
		}
	}()
	return s.url, nil
}

// URL is what Start returned.
func (s *Server) URL() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.url
}

// Close breaks all connections, waits until every handler has returned, and completes the open Firehose objects. What was
// stored can still be read from Go.
func (s *Server) Close() error {
	s.stop()
	s.mu.Lock()
	server, served := s.http, s.served
	s.mu.Unlock()
	var err error
	if server != nil {
		err = server.Close()
		<-served
	}
	s.busy.Wait()
	if e := s.firehose.closeObjects(s.opts.Now()); e != nil {
		err = errors.Join(err, e)
	}
	return err
}
