package metadata

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// apiServer is as much of an API server as a watch of pods needs.
type apiServer struct {
	*httptest.Server
	options PodOptions

	mu      sync.Mutex
	token   string
	pods    map[string]string // uid to JSON
	version int
	lists   int
	refuse  int // status of every answer, if not 0
	gone    bool
	events  chan string // to the watch that runs
	queries []string
}

func newAPIServer(t *testing.T) *apiServer {
	t.Helper()
	s := &apiServer{token: "first", pods: map[string]string{}, version: 10, events: make(chan string)}
	s.Server = httptest.NewTLSServer(s)
	t.Cleanup(s.Close)
	dir := t.TempDir()
	s.options = PodOptions{Node: "node-1", Server: s.URL, TokenFile: filepath.Join(dir, "token"), CAFile: filepath.Join(dir, "ca.crt"), Wait: 10 * time.Second}
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	for path, text := range map[string]string{s.options.CAFile: string(ca), s.options.TokenFile: "first\n"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func (s *apiServer) set(uid, name, labels string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.version++
	text := fmt.Sprintf(`{"metadata":{"name":%q,"namespace":"shop","uid":%q,"resourceVersion":"%d","labels":%s,
		"annotations":{"note":"x","long":%q,"kubectl.kubernetes.io/last-applied-configuration":"{}"}}}`, name, uid, s.version, labels, strings.Repeat("x", maxValue+1))
	s.pods[uid] = text
	return text
}

func (s *apiServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queries = append(s.queries, r.URL.RawQuery)
	switch {
	case s.refuse != 0:
		w.WriteHeader(s.refuse)
		return
	case r.Header.Get("Authorization") != "Bearer "+s.token:
		w.WriteHeader(http.StatusUnauthorized)
		return
	case r.URL.Path != "/api/v1/pods" || r.URL.Query().Get("fieldSelector") != "spec.nodeName=node-1":
		w.WriteHeader(http.StatusNotFound)
		return
	}
	if r.URL.Query().Get("watch") == "" {
		s.list(w, r)
		return
	}
	if s.gone {
		s.gone = false
		w.WriteHeader(http.StatusGone)
		return
	}
	s.mu.Unlock()
	defer s.mu.Lock()
	_ = http.NewResponseController(w).Flush()
	for {
		select {
		case e := <-s.events:
			if e == "" {
				return
			}
			_, _ = w.Write([]byte(e))
			_ = http.NewResponseController(w).Flush()
		case <-r.Context().Done():
			return
		}
	}
}

// list answers in pages of one pod.
func (s *apiServer) list(w http.ResponseWriter, r *http.Request) {
	s.lists++
	var uids, items []string
	for uid := range s.pods {
		uids = append(uids, uid)
	}
	head := map[string]string{"resourceVersion": fmt.Sprint(s.version)}
	at := 0
	_, _ = fmt.Sscan(r.URL.Query().Get("continue"), &at)
	slices.Sort(uids)
	if at < len(uids) {
		items = append(items, s.pods[uids[at]])
	}
	if at+1 < len(uids) {
		head["continue"] = fmt.Sprint(at + 1)
	}
	text, _ := json.Marshal(head)
	_, _ = fmt.Fprintf(w, `{"kind":"PartialObjectMetadataList","metadata":%s,"items":[%s]}`, text, strings.Join(items, ","))
}

func (s *apiServer) send(kind, object string) {
	s.events <- fmt.Sprintf(`{"type":%q,"object":%s}`+"\n", kind, object)
}

func labels(p *Pods, name, uid string) string { return show(p.Pod("shop", name, uid).Labels) }

func TestPods(t *testing.T) {
	api := newAPIServer(t)
	api.set("u1", "web", `{"app":"web"}`)
	api.set("u2", "db", `{"app":"db"}`)
	var s Store
	defer s.Close()
	p := s.Pods()
	if got := labels(p, "web", "u1"); got != "null" {
		t.Errorf("before anybody was asked: %s", got)
	}
	s.Start(t.Context(), Needs{Pods: &api.options}, quiet)
	// The first record waits for the list.
	if got := labels(p, "web", "u1"); got != `{"app":"web"}` {
		t.Errorf("from the list: %s", got)
	}
	if got := labels(p, "db", ""); got != `{"app":"db"}` {
		t.Errorf("by its name, from the second page: %s", got)
	}
	if got := show(p.Pod("shop", "web", "u1").Annotations); got != `{"note":"x"}` {
		t.Errorf("annotations %s", got)
	}
	// A pod that comes, changes, and goes; its last lines are still to be read then.
	done := make(chan string)
	go func() { done <- labels(p, "new", "u3") }()
	api.send("ADDED", api.set("u3", "new", `{"app":"new"}`))
	if got := <-done; got != `{"app":"new"}` {
		t.Errorf("waited for: %s", got)
	}
	version := p.Version()
	api.send("MODIFIED", api.set("u3", "new", `{"app":"newer"}`))
	eventually(t, "a new label", func() bool { return labels(p, "new", "u3") == `{"app":"newer"}` })
	if p.Version() == version {
		t.Error("the version is as before")
	}
	api.send("DELETED", api.pods["u3"])
	api.send("BOOKMARK", `{"metadata":{"resourceVersion":"77"}}`)
	// The server ends the watch; the next goes on where this one was, with the token of now.
	api.mu.Lock()
	api.token = "second"
	api.mu.Unlock()
	if err := os.WriteFile(api.options.TokenFile, []byte("second"), 0o600); err != nil {
		t.Fatal(err)
	}
	api.events <- ""
	api.send("ADDED", api.set("u4", "web", `{"app":"web","of":"a second pod of that name"}`))
	eventually(t, "the pod after the bookmark", func() bool { return strings.Contains(labels(p, "web", ""), "second") })
	if got := labels(p, "web", "u1"); got != `{"app":"web"}` {
		t.Errorf("the older one of that name: %s", got)
	}
	if got := labels(p, "new", "u3"); got != `{"app":"newer"}` {
		t.Errorf("a pod that is deleted: %s", got)
	}
	api.mu.Lock()
	if last := api.queries[len(api.queries)-1]; !strings.Contains(last, "resourceVersion=77") || api.lists != 2 {
		t.Errorf("%d lists, then %s", api.lists, last)
	}
	// It has forgotten our version: everything is listed again.
	delete(api.pods, "u2")
	api.gone = true
	api.mu.Unlock()
	api.events <- ""
	api.send("ERROR", `{"code":410,"message":"too old"}`) // and the next watch says so in an event
	api.send("ADDED", api.set("u5", "last", `{}`))
	eventually(t, "the last pod", func() bool { return labels(p, "last", "u5") == `{}` })
	api.mu.Lock()
	defer api.mu.Unlock()
	if api.lists < 6 {
		t.Errorf("%d pages were listed", api.lists)
	}
}

// Without permission, or without a cluster, it is said once, and nobody waits long.
func TestRefused(t *testing.T) {
	api := newAPIServer(t)
	api.refuse = http.StatusForbidden
	api.options.Wait = 5 * time.Millisecond
	var log lockedLog
	var s Store
	s.Start(t.Context(), Needs{Pods: &api.options}, slog.New(slog.NewTextHandler(&log, nil)))
	if got := labels(s.Pods(), "web", "u1"); got != "null" {
		t.Error(got)
	}
	eventually(t, "a warning", func() bool { return strings.Contains(log.String(), "needs the verbs list and watch on pods") })
	s.Close()
	if n := strings.Count(log.String(), "level=WARN"); n != 1 {
		t.Errorf("%d warnings:\n%s", n, log.String())
	}
	t.Setenv("NODE_NAME", "")
	s.Start(t.Context(), Needs{Pods: &PodOptions{Wait: time.Hour}}, slog.New(slog.NewTextHandler(&log, nil)))
	if got := labels(s.Pods(), "web", "u1"); got != "null" {
		t.Error(got)
	}
	s.Close()
	if !strings.Contains(log.String(), "set NODE_NAME from spec.nodeName") {
		t.Error(log.String())
	}
}

func TestUnknownPodsCostLittle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p Pods
		p.begin(time.Second)
		began := time.Now()
		for i := range 100 {
			p.Pod("shop", fmt.Sprint("web-", i), "")
			p.Pod("shop", "web-0", "")
		}
		if took := time.Since(began); took != time.Second {
			t.Errorf("waited %v", took)
		}
		time.Sleep(waitAgain * time.Second)
		p.Pod("shop", "web-0", "")
		p.Pod("shop", "web-7", "")
		if took := time.Since(began); took != 12*time.Second {
			t.Errorf("waited until %v", took)
		}
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			<-ctx.Done()
			p.end()
		}()
		time.Sleep(waitAgain * time.Second)
		time.AfterFunc(time.Millisecond, cancel)
		began = time.Now()
		p.Pod("shop", "web-8", "")
		if took := time.Since(began); took != time.Millisecond {
			t.Errorf("an end does not end the wait: %v", took)
		}
	})
}

func TestTheCacheIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p Pods
		put := func(i int) {
			var o object
			o.Metadata.UID, o.Metadata.Name, o.Metadata.Namespace = fmt.Sprint("u", i), fmt.Sprint("n", i), "shop"
			p.set(&o)
		}
		put(0)
		p.remove("u0")
		time.Sleep(keepDeleted - time.Second)
		put(1)
		if p.byUID["u0"] == nil {
			t.Error("a deleted pod is forgotten at once")
		}
		time.Sleep(2 * time.Second)
		put(2)
		if p.byUID["u0"] != nil || p.byName["shop/n0"] != nil {
			t.Error("a deleted pod is remembered for ever")
		}
		p.remove("u1")
		for i := 2; i < maxPods+2; i++ {
			put(i)
		}
		if len(p.byUID) != maxPods || len(p.byName) != maxPods || p.byUID["u1"] != nil {
			t.Errorf("%d pods", len(p.byUID))
		}
	})
}

// Of each pod a bounded part is kept: labels first.
func TestAPodIsBounded(t *testing.T) {
	var p Pods
	var o object
	o.Metadata.UID, o.Metadata.Name, o.Metadata.Namespace = "u", "n", "shop"
	o.Metadata.Labels, o.Metadata.Annotations = map[string]string{"app": "web"}, map[string]string{}
	for i := range 100 {
		o.Metadata.Annotations[fmt.Sprintf("a%02d", i)] = strings.Repeat("x", 1000)
	}
	o.Metadata.Annotations["a00"] = strings.Repeat("x", maxValue+1)
	p.set(&o)
	known := p.byUID["u"].meta
	if _, ok := known.Labels.Member("app", new([]byte)); !ok {
		t.Error("the label is left out")
	}
	for name, want := range map[string]bool{"a00": false, "a01": true, "a16": true, "a17": false, "a99": false} {
		if _, ok := known.Annotations.Member(name, new([]byte)); ok != want {
			t.Errorf("annotation %s is kept: %v", name, ok)
		}
	}
}

type lockedLog struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lockedLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lockedLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
