package metadata

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"
)

const (
	// accountDir is where the kubelet puts a pod's service account (Kubernetes, "Accessing the API from a Pod").
	accountDir = "/var/run/secrets/kubernetes.io/serviceaccount/"
	// watchFor is how long one watch lasts, in seconds, and up to twice as long; watchGrace is what the server gets on top to end it.
	watchFor   = 240
	watchGrace = 30 * time.Second
	// askFor is how long a list may take.
	askFor = 30 * time.Second
	// The waits after an error double from the first to the last.
	firstWait = time.Second
	lastWait  = time.Minute
	// maxList and maxEvent are the most that is read of a page and of an event, in bytes: annotations of an object have 256 KiB at most.
	maxList  = 32 << 20
	maxEvent = 4 << 20
	pageSize = 50
	// What is asked for: metadata only, which is a tenth of a pod, where the server can give that.
	acceptList  = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"
	acceptWatch = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json"
)

// errGone says that the server does not remember what we saw last: everything has to be listed again.
var errGone = errors.New("the API server has forgotten this resourceVersion")

// PodOptions say how the API server is asked. Empty fields mean what a pod finds in its cluster.
type PodOptions struct {
	// Node is whose pods are watched; by default $NODE_NAME.
	Node string
	// Server is a URL; by default https:// and $KUBERNETES_SERVICE_HOST and _PORT.
	Server string
	// TokenFile and CAFile are read for each connection, because both are renewed; by default those of the service account.
	TokenFile, CAFile string
	// Wait is how long a record may wait for a pod that is not known yet; 0 does not wait.
	Wait time.Duration
}

func (o *PodOptions) key() string { return fmt.Sprintf("%q", *o) }

func (o *PodOptions) fill() error {
	if o.Node == "" {
		o.Node = os.Getenv("NODE_NAME")
	}
	if o.Node == "" {
		return errors.New("the node's name is not known: set NODE_NAME from spec.nodeName (downward API), or node in the kubernetes block")
	}
	if o.Server == "" {
		host, port := os.Getenv("KUBERNETES_SERVICE_HOST"), os.Getenv("KUBERNETES_SERVICE_PORT")
		if host == "" {
			return errors.New("this is no pod of a cluster: KUBERNETES_SERVICE_HOST is not set, nor api_server in the kubernetes block")
		}
		o.Server = "https://" + net.JoinHostPort(host, port)
	}
	if o.TokenFile == "" {
		o.TokenFile = accountDir + "token"
	}
	if o.CAFile == "" {
		o.CAFile = accountDir + "ca.crt"
	}
	return nil
}

// object is what is read of a pod, or of a list's head.
type object struct {
	Metadata struct {
		Name            string            `json:"name"`
		Namespace       string            `json:"namespace"`
		UID             string            `json:"uid"`
		Labels          map[string]string `json:"labels"`
		Annotations     map[string]string `json:"annotations"`
		ResourceVersion string            `json:"resourceVersion"`
		Continue        string            `json:"continue"`
	} `json:"metadata"`
	Code    int    `json:"code"`    // of an error
	Message string `json:"message"` // of an error
}

// follow keeps the pods as the API server has them, until ctx ends: a list, and then watches from where it was.
func (p *Pods) follow(ctx context.Context, o PodOptions, log *slog.Logger) {
	defer p.end()
	if err := o.fill(); err != nil {
		log.Warn("k8s.labels and k8s.annotations are null", "reason", err)
		return
	}
	p.begin(o.Wait)
	version, wait, said := "", firstWait, ""
	for ctx.Err() == nil {
		var err error
		began := time.Now()
		before := version
		if version == "" {
			version, err = p.list(ctx, &o)
		} else {
			version, err = p.watch(ctx, &o, version)
		}
		switch {
		case ctx.Err() != nil:
			return
		case errors.Is(err, errGone):
			version = ""
		case err == nil && time.Since(began) < firstWait && version == before: // a server that ends each watch at once is not asked again at once
		case err == nil:
			wait, said = firstWait, ""
			continue
		case err.Error() != said:
			said = err.Error()
			log.Warn("the API server does not tell of pods; k8s.labels and k8s.annotations of new ones are null", "reason", err)
		}
		select {
		case <-time.After(wait/2 + rand.N(wait/2)):
		case <-ctx.Done():
		}
		wait = min(2*wait, lastWait)
	}
}

// list takes in all pods, and returns the version they are of.
func (p *Pods) list(ctx context.Context, o *PodOptions) (version string, err error) {
	ctx, cancel := context.WithTimeout(ctx, askFor)
	defer cancel()
	var all []object
	q := url.Values{"fieldSelector": {"spec.nodeName=" + o.Node}, "limit": {strconv.Itoa(pageSize)}}
	for {
		body, err := o.ask(ctx, q, acceptList)
		if err != nil {
			return "", fmt.Errorf("list the pods: %w", err)
		}
		var page struct {
			object
			Items []object `json:"items"`
		}
		err = json.NewDecoder(io.LimitReader(body, maxList)).Decode(&page)
		_ = body.Close()
		if err != nil {
			return "", fmt.Errorf("list the pods: %w", err)
		}
		for i := range page.Items {
			page.Items[i].shorten() // before the next page comes
		}
		all = append(all, page.Items...)
		version = page.Metadata.ResourceVersion
		if page.Metadata.Continue == "" || len(all) >= maxPods {
			break
		}
		q.Set("continue", page.Metadata.Continue)
	}
	if version == "" {
		return "", errors.New("list the pods: the answer has no resourceVersion: is this an API server?")
	}
	p.replace(all)
	return version, nil
}

// watch takes in changes since a version, until the server ends it, and returns the version it has come to.
func (p *Pods) watch(ctx context.Context, o *PodOptions, version string) (string, error) {
	seconds := watchFor + rand.IntN(watchFor)
	ctx, cancel := context.WithTimeout(ctx, time.Duration(seconds)*time.Second+watchGrace)
	defer cancel()
	body, err := o.ask(ctx, url.Values{
		"fieldSelector": {"spec.nodeName=" + o.Node}, "watch": {"1"}, "allowWatchBookmarks": {"true"},
		"resourceVersion": {version}, "timeoutSeconds": {strconv.Itoa(seconds)},
	}, acceptWatch)
	if err != nil {
		return version, fmt.Errorf("watch the pods: %w", err)
	}
	defer func() { _ = body.Close() }()
	in := &bounded{r: body}
	for events := json.NewDecoder(in); ; {
		in.left = maxEvent
		var e struct {
			Type   string `json:"type"`
			Object object `json:"object"`
		}
		if err := events.Decode(&e); errors.Is(err, io.EOF) {
			return version, nil
		} else if err != nil {
			return version, fmt.Errorf("watch the pods: %w", err)
		}
		switch e.Type {
		case "ADDED", "MODIFIED":
			p.set(&e.Object)
		case "DELETED":
			p.remove(e.Object.Metadata.UID)
		case "ERROR":
			if e.Object.Code == http.StatusGone {
				return version, errGone
			}
			return version, fmt.Errorf("watch the pods: the API server says: %s", e.Object.Message)
		}
		if v := e.Object.Metadata.ResourceVersion; v != "" { // also of a BOOKMARK
			version = v
		}
	}
}

// ask sends a request for pods. The token and the authority are read anew: the kubelet renews both.
func (o *PodOptions) ask(ctx context.Context, q url.Values, accept string) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(o.Server, "/")+"/api/v1/pods?"+q.Encode(), nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", accept)
	transport := &http.Transport{DisableKeepAlives: true, TLSHandshakeTimeout: askFor, ResponseHeaderTimeout: askFor}
	if req.URL.Scheme == "https" {
		token, err := os.ReadFile(o.TokenFile)
		if err != nil {
			return nil, fmt.Errorf("read the service account's token: %w", err)
		}
		req.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
		pem, err := os.ReadFile(o.CAFile)
		if err != nil {
			return nil, fmt.Errorf("read the cluster's authority: %w", err)
		}
		roots := x509.NewCertPool()
		if !roots.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s holds no certificate", o.CAFile)
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	}
	resp, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode == http.StatusOK {
		return resp.Body, nil
	}
	defer func() { _ = resp.Body.Close() }()
	switch resp.StatusCode {
	case http.StatusGone:
		return nil, errGone
	case http.StatusForbidden:
		return nil, fmt.Errorf("the API server refuses (%s): the service account needs the verbs list and watch on pods, in a ClusterRole", resp.Status)
	case http.StatusUnauthorized:
		return nil, fmt.Errorf("the API server does not take the token in %s (%s)", o.TokenFile, resp.Status)
	}
	return nil, fmt.Errorf("the API server answers %s", resp.Status)
}

// bounded reads at most left bytes more.
type bounded struct {
	r    io.Reader
	left int
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errors.New("an event is too large")
	}
	n, err := b.r.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}
