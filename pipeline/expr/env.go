package expr

import (
	"time"

	"github.com/kinetail/kinetail/pipeline/match"
	"github.com/kinetail/kinetail/pipeline/record"
)

// Env is what expressions read: one record, and where it comes from. One goroutine uses an Env at a time; programs may be shared.
type Env struct {
	// Record is the record at hand.
	Record *record.Record
	// Path, Name and Dir are file.path, file.name and file.dir.
	Path, Name, Dir string
	// ID is record.id; null where its Generation is empty: the record is from nowhere.
	ID record.ID
	// Host is host.name.
	Host string
	// Now is the clock of now.*; nil is time.Now.
	Now func() time.Time

	// Failures counts evaluations whose result was null because an operation failed, since the Env was made.
	Failures int64
	// LastFailure says in words what failed last. Empty before the first.
	LastFailure string

	// hints remember where in the record a field was found last: records of one file mostly have their fields in one order. Names share
	// a place by their hash, which costs a search and nothing else.
	hints [256]uint16
	// arena holds the strings that expressions make. It is only appended to: strings made before it grew stay in the old one.
	arena []byte
	// failure is the reason of an Error value on its way up.
	failure string
	// deviates is set where an evaluation differs from HCL's on purpose: division by zero (JSON has no infinity), comparing lists and
	// objects (HCL tells lists from tuples that look alike), null in logic (HCL takes it for false in && and refuses it in ||;
	// here a filter drops nothing by an accident of types). The comparison with HCL leaves those out.
	deviates bool
	// pod is what podPath says.
	pod     pod
	podPath string
	// meta is what Scope.Pods says of it, and metaVersion its version then.
	meta        PodMeta
	metaPath    string
	metaVersion uint64
	// patterns are the regular expressions that were not known at load.
	patterns map[string]*pattern
	matching match.State
}

const (
	// arenaKept is the largest arena that is kept for the next batch, in bytes.
	arenaKept = 1 << 20
	// maxString is the longest string that an expression may make, in bytes: ten times the largest record that any destination takes.
	maxString = 100 << 20
)

// Reset forgets the strings made by earlier evaluations: none of their values may be used afterwards.
func (env *Env) Reset() {
	if cap(env.arena) > arenaKept {
		env.arena = nil
	}
	env.arena = env.arena[:0]
}

// hinted is the value of a field that is known by name at load if it is where it was last, else nil. It is small enough to be
// inlined, which saves a third of a comparison; what calls it goes on with field.
func (env *Env) hinted(name string, slot uint8) *record.Value {
	h := uint(env.hints[slot])
	if f := env.Record.Fields; h < uint(len(f)) && f[h].Name == name {
		return &f[h].Value
	}
	return nil
}

// absent is the value of a field that isn't there.
var absent record.Value

// field finds a field by name; absent where there is none.
func (env *Env) field(name string, slot uint8) *record.Value {
	i := env.Record.Index(name)
	if i < 0 {
		return &absent
	}
	if i <= 0xffff {
		env.hints[slot] = uint16(i)
	}
	return &env.Record.Fields[i].Value
}

func (env *Env) now() time.Time {
	if env.Now != nil {
		return env.Now()
	}
	return time.Now()
}

// fail makes the Error value; reason is for people and constant, so that failing costs no allocation.
func (env *Env) fail(reason string) record.Value {
	env.failure = reason
	return record.Failed
}

// differ is fail for what HCL does otherwise.
func (env *Env) differ(reason string) record.Value {
	env.deviates = true
	return env.fail(reason)
}

// made is the string that was appended to the arena since it was start bytes long.
func (env *Env) made(start int) string {
	return record.Alias(env.arena[start:len(env.arena):len(env.arena)])
}

// slotOf is the place of a name's hint: FNV-1a, folded.
func slotOf(name string) uint8 {
	h := uint32(2166136261)
	for i := 0; i < len(name); i++ {
		h = (h ^ uint32(name[i])) * 16777619
	}
	return uint8(h ^ h>>16)
}
