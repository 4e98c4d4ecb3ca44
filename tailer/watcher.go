package tailer

import (
	"errors"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"
	"golang.org/x/sys/unix"
)

// Watcher is the one inotify instance of the process, shared by its followers. It gives hints and nothing else: without one (a limit
// is reached, events overflow, a network file system) everything is found by polling, later. Safe for concurrent use.
type Watcher struct {
	log *slog.Logger
	fs  *fsnotify.Watcher // nil when there is none
	end chan struct{}

	mu       sync.Mutex
	dirs     map[string]map[*hints]struct{} // who wants to know of a directory
	failed   map[string]error               // directories that are wanted and not watched
	busy     map[string]int                 // events of this second, by directory
	pauses   map[string]pause               // of those that were busy
	second   int64
	overflow int64
	warned   bool
}

// maxEvents is how many events of one directory are taken in a second. Above it, none are for a while and its files are polled:
// an event for every line of a busy writer costs thirty times as much as a look each 50 ms.
const maxEvents = 100

// pause is how long no events are taken of a directory that was busy. It doubles while it is found busy again.
type pause struct {
	length time.Duration
	until  time.Time
}

const (
	leastPause = time.Second
	mostPause  = 30 * time.Second
)

// watching is what becomes of events in a directory.
type watching int

const (
	cannotWatch watching = iota // there are none: sweeps find what is written
	tooBusy                     // none are taken now: who must know soon has to look
	watchedYet                  // they come
	watchedNow                  // they come from now on: what was written before gives none
)

// errBusy is why a directory with more than maxEvents is not watched.
var errBusy = errors.New("more events than polling would cost")

// errNetwork is why a directory of a network file system is not watched.
var errNetwork = errors.New("events tell nothing of what other machines write")

// hints collects events for one follower until it looks.
type hints struct {
	wake chan struct{} // holds one token

	mu    sync.Mutex
	paths map[string]struct{} // written to
	all   bool                // something came, went or was lost: look at everything
}

// maxHints is how many different paths a follower is told of before it is told to look at everything.
const maxHints = 1024

func newHints() *hints {
	return &hints{wake: make(chan struct{}, 1), paths: map[string]struct{}{}}
}

func (h *hints) add(path string, all bool) {
	h.mu.Lock()
	switch {
	case all || len(h.paths) >= maxHints:
		h.all = true
	default:
		h.paths[path] = struct{}{}
	}
	h.mu.Unlock()
	h.poke()
}

// end says that events of a directory are not taken any more. There are not many of those, and a look at everything would not tell.
func (h *hints) end(dir string) {
	h.mu.Lock()
	h.paths[dir] = struct{}{}
	h.mu.Unlock()
	h.poke()
}

// poke wakes the follower.
func (h *hints) poke() {
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

// take is what came since the last take.
func (h *hints) take(paths []string) (_ []string, all bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for p := range h.paths {
		paths = append(paths, p)
	}
	clear(h.paths)
	all, h.all = h.all, false
	return paths, all
}

// NewWatcher starts the watcher; nil log is slog.Default(). Where inotify is not to be had it says so once, and polling does.
func NewWatcher(log *slog.Logger) *Watcher {
	if log == nil {
		log = slog.Default()
	}
	w := &Watcher{log: log, end: make(chan struct{}), dirs: map[string]map[*hints]struct{}{}, failed: map[string]error{}, busy: map[string]int{}, pauses: map[string]pause{}}
	fs, err := fsnotify.NewBufferedWatcher(256)
	if err != nil {
		log.Warn("no file events: files are polled; raise fs.inotify.max_user_instances for a faster reaction", "error", err)
		close(w.end)
		return w
	}
	w.fs = fs
	go w.run()
	return w
}

// run is the goroutine "watcher": it ends when Close closes the channels of fsnotify.
func (w *Watcher) run() {
	defer close(w.end)
	for {
		select {
		case e, ok := <-w.fs.Events:
			if !ok {
				return
			}
			w.tell(e)
		case err, ok := <-w.fs.Errors:
			if !ok {
				return
			}
			w.lost(err)
		}
	}
}

func (w *Watcher) tell(e fsnotify.Event) {
	dir := filepath.Dir(e.Name)
	all := e.Op&^fsnotify.Write != 0
	w.mu.Lock()
	defer w.mu.Unlock()
	for h := range w.dirs[dir] {
		h.add(e.Name, all)
	}
	if now := time.Now().Unix(); now != w.second {
		w.second = now
		clear(w.busy)
	}
	if w.busy[dir]++; w.busy[dir] > maxEvents && w.dirs[dir] != nil && w.failed[dir] == nil {
		_ = w.fs.Remove(dir) // it may be gone already
		w.failed[dir] = errBusy
		w.rest(dir)
		for h := range w.dirs[dir] {
			h.end(dir)
		}
	}
	for h := range w.dirs[e.Name] { // the directory itself
		h.add(e.Name, true)
	}
	if e.Op&(fsnotify.Remove|fsnotify.Rename) != 0 && w.dirs[e.Name] != nil {
		w.failed[e.Name] = fsnotify.ErrNonExistentWatch // it has to be watched anew when it comes back
	}
}

// rest needs mu. It fixes how long a busy directory is not watched.
func (w *Watcher) rest(dir string) {
	now, p := time.Now(), w.pauses[dir]
	if now.Sub(p.until) > mostPause { // it had calmed down
		p.length = 0
	}
	p.length = min(max(2*p.length, leastPause), mostPause)
	p.until = now.Add(p.length)
	w.pauses[dir] = p
}

func (w *Watcher) lost(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if errors.Is(err, fsnotify.ErrEventOverflow) {
		w.overflow++
	}
	for _, hs := range w.dirs {
		for h := range hs {
			h.add("", true)
		}
	}
}

// want watches dir for h, and tries again where that failed, or was too busy a while ago.
func (w *Watcher) want(h *hints, dir string) watching {
	w.mu.Lock()
	defer w.mu.Unlock()
	hs := w.dirs[dir]
	if hs == nil {
		hs = map[*hints]struct{}{}
		w.dirs[dir] = hs
	}
	_, known := hs[h]
	hs[h] = struct{}{}
	if w.fs == nil {
		return cannotWatch
	}
	problem, before := w.failed[dir]
	switch {
	case known && !before:
		return watchedYet
	case errors.Is(problem, errBusy) && time.Now().Before(w.pauses[dir].until):
		return tooBusy
	}
	if len(hs) == 1 || before {
		if name := networked(dir); name != "" {
			if !errors.Is(problem, errNetwork) {
				w.log.Info("directory is on a network file system: it is polled, not watched", "dir", dir, "file_system", name)
			}
			w.failed[dir] = errNetwork
			return cannotWatch
		}
		err := failed("watch", dir)
		if err == nil {
			err = w.fs.Add(dir)
		}
		if err != nil {
			w.failed[dir] = err
			if !w.warned && (errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EMFILE)) {
				w.warned = true
				w.log.Warn("not every directory can be watched: those are polled; raise fs.inotify.max_user_watches for a faster reaction",
					"dir", dir, "error", err)
			}
			return cannotWatch
		}
		delete(w.failed, dir)
	}
	return watchedNow
}

// drop stops watching dir for h.
func (w *Watcher) drop(h *hints, dir string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	hs := w.dirs[dir]
	if _, ok := hs[h]; !ok {
		return
	}
	delete(hs, h)
	if len(hs) == 0 {
		delete(w.dirs, dir)
		if _, failed := w.failed[dir]; !failed && w.fs != nil {
			_ = w.fs.Remove(dir) // it may be gone already
		}
		delete(w.failed, dir)
		delete(w.pauses, dir)
	}
}

// WatcherStats is how the watcher fares.
type WatcherStats struct {
	// Directories are wanted, Polled of them are not watched now: because they can't be, or because they are busy.
	Directories, Polled int
	// Overflows counts events lost by the kernel: each made every follower look at everything.
	Overflows int64
}

// Stats is how the watcher fares now.
func (w *Watcher) Stats() WatcherStats {
	w.mu.Lock()
	defer w.mu.Unlock()
	st := WatcherStats{Directories: len(w.dirs), Polled: len(w.failed), Overflows: w.overflow}
	if w.fs == nil {
		st.Polled = st.Directories
	}
	return st
}

// Close ends the watcher and its goroutine.
func (w *Watcher) Close() error {
	var err error
	if w.fs != nil {
		err = w.fs.Close()
	}
	<-w.end
	return err
}
