package metadata

import (
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kinetail/kinetail/pipeline/expr"
	"github.com/kinetail/kinetail/pipeline/record"
)

const (
	// maxPods is how many pods are remembered: the most on one node is a few hundred (Kubernetes recommends 110). With maxPod it bounds their
	// memory, 16 MiB that memory_limit does not count; usual pods have one or two KiB.
	maxPods = 1000
	// keepDeleted is how long a pod is remembered after it was deleted: its last lines are still to be read.
	keepDeleted = 10 * time.Minute
	// maxValue is the longest label or annotation that is kept, in bytes. Annotations may hold whole manifests.
	maxValue = 4 << 10
	// maxPod is how much is kept of the labels and annotations of a pod, in bytes. Kubernetes allows 256 KiB of annotations alone.
	maxPod = 16 << 10
	// waitAgain is how much longer than a wait in vain nobody waits after it, so that unknown pods cost a flow a tenth of its time at most.
	waitAgain = 10
)

// Pods are what is known of the pods of this node. It implements expr.Pods.
type Pods struct {
	version atomic.Uint64

	mu      sync.Mutex // guards what follows
	byUID   map[string]*pod
	byName  map[string]*pod // namespace/name: the one that was heard of last
	wait    time.Duration   // 0: nobody tells of pods
	rested  time.Time       // when one may wait again
	missing map[string]bool // what was waited for in vain
	changed chan struct{}   // closed when a pod becomes known; nil while nobody waits
}

type pod struct {
	uid, name string // name is namespace/name
	meta      expr.PodMeta
	deleted   time.Time // zero while it is there
}

// Version implements expr.Pods.
func (p *Pods) Version() uint64 { return p.version.Load() }

// Pod implements expr.Pods. A flow that meets a pod nobody has told of yet waits for a short time, once for each pod.
func (p *Pods) Pod(namespace, name, uid string) expr.PodMeta {
	key := namespace + "/" + name
	p.mu.Lock()
	defer p.mu.Unlock()
	if found := p.find(key, uid); found != nil {
		return found.meta
	}
	id := key + "/" + uid
	now := time.Now()
	if p.wait <= 0 || p.missing[id] || now.Before(p.rested) {
		return expr.PodMeta{}
	}
	timer := time.NewTimer(p.wait)
	defer timer.Stop()
	for over := false; !over && p.wait > 0; {
		if p.changed == nil {
			p.changed = make(chan struct{})
		}
		changed := p.changed
		p.mu.Unlock()
		select {
		case <-changed:
		case <-timer.C:
			over = true
		}
		p.mu.Lock()
		if found := p.find(key, uid); found != nil {
			return found.meta
		}
	}
	if len(p.missing) >= maxPods || p.missing == nil {
		p.missing = map[string]bool{}
	}
	p.missing[id] = true
	p.rested = time.Now().Add(waitAgain * p.wait)
	return expr.PodMeta{}
}

// find finds a pod by its uid, or its name where that is all that is known. p.mu is held.
func (p *Pods) find(key, uid string) *pod {
	if uid != "" {
		return p.byUID[uid]
	}
	return p.byName[key]
}

// begin says that pods will be told of, and how long to wait for one that is not known.
func (p *Pods) begin(wait time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wait, p.missing, p.rested = wait, nil, time.Time{}
}

// end says that nothing more will be told.
func (p *Pods) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wait = 0
	p.wake()
}

// wake lets those look again who wait. p.mu is held.
func (p *Pods) wake() {
	p.version.Add(1)
	if p.changed != nil {
		close(p.changed)
		p.changed = nil
	}
}

// set takes in what the API server says of a pod.
func (p *Pods) set(o *object) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.put(o)
	p.trim()
	p.wake()
}

// replace takes in a whole list: pods that are not in it are deleted.
func (p *Pods) replace(all []object) {
	p.mu.Lock()
	defer p.mu.Unlock()
	there := map[string]bool{}
	for i := range all {
		p.put(&all[i])
		there[all[i].Metadata.UID] = true
	}
	for uid, known := range p.byUID {
		if !there[uid] && known.deleted.IsZero() {
			known.deleted = time.Now()
		}
	}
	p.trim()
	p.wake()
}

func (p *Pods) put(o *object) {
	if p.byUID == nil {
		p.byUID, p.byName = map[string]*pod{}, map[string]*pod{}
	}
	o.shorten()
	m := &o.Metadata
	if m.UID == "" || m.Name == "" {
		return
	}
	one := &pod{uid: m.UID, name: m.Namespace + "/" + m.Name, meta: expr.PodMeta{Labels: named(m.Labels), Annotations: named(m.Annotations)}}
	p.byUID[one.uid], p.byName[one.name] = one, one
}

// remove marks a pod as deleted.
func (p *Pods) remove(uid string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if known := p.byUID[uid]; known != nil && known.deleted.IsZero() {
		known.deleted = time.Now()
	}
	p.trim()
}

// trim forgets pods that are deleted for long enough, and the ones deleted first where there are too many. p.mu is held.
func (p *Pods) trim() {
	limit := time.Now().Add(-keepDeleted)
	for _, known := range p.byUID {
		if !known.deleted.IsZero() && known.deleted.Before(limit) {
			p.forget(known)
		}
	}
	if len(p.byUID) <= maxPods {
		return
	}
	all := slices.Collect(maps.Values(p.byUID))
	slices.SortFunc(all, func(a, b *pod) int {
		switch {
		case a.deleted.IsZero() != b.deleted.IsZero():
			if b.deleted.IsZero() {
				return -1
			}
			return 1
		default:
			return a.deleted.Compare(b.deleted)
		}
	})
	for _, known := range all[:len(all)-maxPods] {
		p.forget(known)
	}
}

func (p *Pods) forget(known *pod) {
	delete(p.byUID, known.uid)
	if p.byName[known.name] == known {
		delete(p.byName, known.name)
	}
}

// shorten drops what is not kept: labels and annotations that are too long to be of use in a log, and in the order of their names those that are one
// too many, annotations first.
func (o *object) shorten() {
	left := maxPod
	for _, m := range []map[string]string{o.Metadata.Labels, o.Metadata.Annotations} {
		for _, name := range slices.Sorted(maps.Keys(m)) {
			size := len(name) + len(m[name])
			if len(m[name]) > maxValue || size > left || name == "kubectl.kubernetes.io/last-applied-configuration" {
				delete(m, name)
				continue
			}
			left -= size
		}
	}
}

// named makes a value of labels or annotations, sorted by name.
func named(m map[string]string) record.Value {
	names := slices.Sorted(maps.Keys(m))
	var texts []record.Value
	for _, name := range names {
		texts = append(texts, record.Of(m[name]))
	}
	return record.OfObject(names, texts)
}
