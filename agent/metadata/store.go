package metadata

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kinetail/kinetail/pipeline/expr"
	"github.com/kinetail/kinetail/pipeline/record"
)

const (
	// renewEvery is how often what is known is asked for again: tags change.
	renewEvery = time.Hour
	// Whoever does not answer is asked again after a time that doubles from the first to the last.
	firstRetry = 10 * time.Second
	lastRetry  = 15 * time.Minute
)

// values are what one service told, by name.
type values map[string]record.Value

// Needs say which services the configuration reads from.
type Needs struct {
	EC2, ECS bool
	// Pods is nil unless k8s.labels or k8s.annotations are read.
	Pods *PodOptions
}

// Store holds what is known. The zero Store knows nothing, and asks nobody until Start.
type Store struct {
	ec2, ecs atomic.Pointer[values]
	pods     Pods

	mu      sync.Mutex
	running map[string]*asker // by service
}

// asker is a goroutine that asks one service.
type asker struct {
	key  string
	stop context.CancelFunc
	done chan struct{}
}

// Roots are what the store knows, for expr.Scope.
func (s *Store) Roots() map[string]map[string]func() record.Value {
	roots := map[string]map[string]func() record.Value{}
	for root, names := range expr.MachineNames() {
		from := map[string]*atomic.Pointer[values]{"ec2": &s.ec2, "ecs": &s.ecs}[root]
		roots[root] = map[string]func() record.Value{}
		for _, name := range names {
			roots[root][name] = func() record.Value {
				if v := from.Load(); v != nil {
					return (*v)[name]
				}
				return record.Value{}
			}
		}
	}
	return roots
}

// Pods are the pods of this node.
func (s *Store) Pods() *Pods { return &s.pods }

// Start asks what is needed, in the background, and stops asking what is needed no longer. Called again it changes what is different.
func (s *Store) Start(ctx context.Context, needs Needs, log *slog.Logger) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running == nil {
		s.running = map[string]*asker{}
	}
	s.run(ctx, "ec2", needs.EC2, "", func(ctx context.Context) { renew(ctx, "ec2", &s.ec2, askEC2(), log) })
	s.run(ctx, "ecs", needs.ECS, "", func(ctx context.Context) { renew(ctx, "ecs", &s.ecs, askECS, log) })
	key := ""
	if needs.Pods != nil {
		key = needs.Pods.key()
		if s.running["pods"] == nil {
			s.pods.begin(needs.Pods.Wait)
		}
	}
	s.run(ctx, "pods", needs.Pods != nil, key, func(ctx context.Context) { s.pods.follow(ctx, *needs.Pods, log) })
}

// run sees to it that the goroutine of a service runs or does not, with the options that key stands for.
func (s *Store) run(ctx context.Context, service string, wanted bool, key string, ask func(context.Context)) {
	if old := s.running[service]; old != nil {
		if wanted && old.key == key {
			return
		}
		old.stop()
		<-old.done
		delete(s.running, service)
	}
	if !wanted {
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	a := &asker{key: key, stop: cancel, done: make(chan struct{})}
	s.running[service] = a
	go func() {
		defer close(a.done)
		ask(ctx)
	}()
}

// Close ends asking. What is known stays.
func (s *Store) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for service, a := range s.running {
		a.stop()
		<-a.done
		delete(s.running, service)
	}
}

// renew asks until ctx ends. A service that is not there is said to be so once.
func renew(ctx context.Context, name string, to *atomic.Pointer[values], ask func(context.Context) (values, error), log *slog.Logger) {
	wait, said := firstRetry, false
	for {
		v, err := ask(ctx)
		pause := renewEvery
		switch {
		case ctx.Err() != nil:
			return
		case err == nil:
			to.Store(&v)
			wait, said = firstRetry, false
		default:
			if !said {
				log.Info("no metadata is to be had; what the configuration reads of it stays as it is, null at first", "names", name+".*", "reason", err)
				said = true
			}
			pause = wait
			wait = min(2*wait, lastRetry)
		}
		select {
		case <-time.After(pause - time.Duration(rand.Int64N(int64(pause/10)))):
		case <-ctx.Done():
			return
		}
	}
}
