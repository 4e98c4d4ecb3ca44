package status

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"time"
)

// PageHandler serves a page at path and nothing else, to browsers that were told to go there: a site that makes its visitors' browsers ask
// gets nothing (the Host header must be ours, there is no CORS). host is the one that was configured to listen on.
func PageHandler(path, host string, render func(context.Context) ([]byte, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", pagePolicy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		switch {
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			h.Set("Allow", "GET, HEAD")
			http.Error(w, "this page is for looking only", http.StatusMethodNotAllowed)
		case !named(r.Host, host):
			http.Error(w, fmt.Sprintf("this page is not at %q: open it by its address, %s", r.Host, host), http.StatusMisdirectedRequest)
		case foreign(r):
			http.Error(w, "this page is not for other sites", http.StatusForbidden)
		case r.URL.Path != path:
			http.NotFound(w, r)
		default:
			text, err := render(r.Context())
			h.Set("Content-Type", "text/html; charset=utf-8")
			if err != nil {
				w.WriteHeader(http.StatusBadGateway)
				text = PageError(err)
			}
			_, _ = w.Write(text)
		}
	})
}

// named says whether a Host header names this listener. A page of another site whose name was made to lead here (DNS rebinding) has that
// name in it; an address can't be made to lead elsewhere.
func named(header, configured string) bool {
	name := header
	if h, _, err := net.SplitHostPort(header); err == nil {
		name = h
	}
	name = strings.ToLower(strings.TrimSuffix(strings.Trim(name, "[]"), "."))
	if h, _, err := net.SplitHostPort(configured); err == nil {
		configured = h
	}
	if name == "localhost" || name == strings.ToLower(configured) {
		return true
	}
	if addr, err := netip.ParseAddr(name); err == nil {
		return addr.IsLoopback() || !Loopback(configured)
	}
	own, err := os.Hostname()
	return err == nil && !Loopback(configured) && name == strings.ToLower(own)
}

// foreign says whether another site's page had the browser ask. Following a link is fine.
func foreign(r *http.Request) bool {
	if origin := r.Header.Get("Origin"); origin != "" {
		u, err := url.Parse(origin)
		if err != nil || u.Host != r.Host {
			return true
		}
	}
	site := r.Header.Get("Sec-Fetch-Site")
	return (site == "cross-site" || site == "same-site") && r.Header.Get("Sec-Fetch-Mode") != "navigate"
}

// Loopback says whether a host, with or without a port, is this machine only.
func Loopback(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	if host == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}

// ListenPage serves h, a PageHandler, on a TCP address until Close.
func ListenPage(address string, h http.Handler, log *slog.Logger) (*Server, error) {
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen for the page: %w (set agent { page = ... } to another address)", err)
	}
	if !Loopback(address) {
		log.Warn("the page can be read by everyone who reaches its address: it has no login", "page", address)
	}
	return serve(l, h, log.With("page", address)), nil
}

// GetPage asks the agent at a control address for its page.
func GetPage(ctx context.Context, address string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	resp, err := Request(ctx, address, http.MethodGet, pagePath)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxSnapshot))
	if err != nil {
		return nil, fmt.Errorf("read the agent's page: %w", err)
	}
	return text, nil
}

// pagePath is where the control socket has the page.
const pagePath = "/v1/page"

// PageRoute serves the page over the control socket.
func PageRoute(render func(context.Context) ([]byte, error)) Route {
	return Route{"GET " + pagePath, func(w http.ResponseWriter, r *http.Request) {
		text, err := render(r.Context())
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		_, _ = w.Write(text)
	}}
}
