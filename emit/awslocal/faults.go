package awslocal

import (
	"bytes"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"time"
)

// FaultKind says what goes wrong.
type FaultKind string

// The kinds of faults.
const (
	Throttle    FaultKind = "throttle"     // records are refused for the rate (in other calls: the call)
	RecordError FaultKind = "record_error" // records are refused with Code, InternalFailure by default, inside an HTTP 200
	Error       FaultKind = "error"        // the call is refused with Code, InternalFailure (500) by default
	Latency     FaultKind = "latency"      // the call waits for Delay before it is looked at
	Reset       FaultKind = "reset"        // the connection is reset, nothing is stored
	LostAnswer  FaultKind = "lost_answer"  // the call is carried out and the connection closed without an answer, after Delay
	CutAnswer   FaultKind = "cut_answer"   // the call is carried out and half the answer sent
	WrongCount  FaultKind = "wrong_count"  // the answer has Extra results too many (-1 by default)
	BodyLimit   FaultKind = "body_limit"   // a proxy answers 413 to bodies over Limit bytes
	ClockSkew   FaultKind = "clock_skew"   // the service's clock differs by Delay: its Date header and its judgement of signatures
)

// Fault is a rule about what goes wrong, for as long as it is set. Selectors left empty match everything.
type Fault struct {
	Kind FaultKind `json:"kind"`

	// Which calls.
	Service   string `json:"service,omitempty"`    // kinesis, firehose, cloudwatch, sts
	Operation string `json:"operation,omitempty"`  // "": the calls that carry records or metrics; "*": all
	Stream    string `json:"stream,omitempty"`     // of Kinesis or Firehose
	Shard     string `json:"shard,omitempty"`      // throttle and record_error of Kinesis only
	AccessKey string `json:"access_key,omitempty"` // signed with this access key id
	Match     string `json:"match,omitempty"`      // calls with a record whose data holds this; of throttle and record_error: such records

	// How often and how long. Share is of calls, or of records for throttle and record_error; 0 means all of them.
	Share float64       `json:"share,omitempty"`
	Times int64         `json:"times,omitempty"` // then it is over; 0: no end
	For   time.Duration `json:"-"`               // since it was set; 0: no end. In JSON "for": "2s"

	// What.
	Code    string        `json:"code,omitempty"` // an error code of the service: ExpiredTokenException, AccessDeniedException, KMSThrottlingException ...
	Message string        `json:"message,omitempty"`
	Status  int           `json:"status,omitempty"` // HTTP status; 0: what belongs to the code
	Delay   time.Duration `json:"-"`                // in JSON "delay": "300ms"
	Limit   int64         `json:"limit,omitempty"`
	Extra   int           `json:"extra,omitempty"`
}

// faultSet holds the rules in force.
type faultSet struct {
	seed  uint64
	mu    sync.Mutex
	rules []*rule
}

type rule struct {
	Fault
	rand  *rand.Rand
	until time.Time // zero: no end
	used  int64
}

// SetFaults replaces all faults; without arguments the services are healthy again.
func (s *Server) SetFaults(faults ...Fault) {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.rules = nil
	s.addFaultsLocked(faults)
}

// AddFaults sets further faults beside those in force.
func (s *Server) AddFaults(faults ...Fault) {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.addFaultsLocked(faults)
}

func (s *Server) addFaultsLocked(faults []Fault) {
	now := s.opts.Now()
	for _, f := range faults {
		h := fnv.New64a()
		h.Write([]byte(string(f.Kind) + f.Service + f.Operation + f.Stream + f.Shard + strconv.Itoa(len(s.faults.rules))))
		r := &rule{Fault: f, rand: rand.New(rand.NewPCG(s.faults.seed, h.Sum64()))} // #nosec G404 -- repeatable on purpose
		if f.For > 0 {
			r.until = now.Add(f.For)
		}
		s.faults.rules = append(s.faults.rules, r)
	}
	s.skewLocked(now)
}

// Faults are those in force.
func (s *Server) Faults() []Fault {
	now := s.opts.Now()
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	out := []Fault{}
	for _, r := range s.faults.rules {
		if !r.over(now) {
			out = append(out, r.Fault)
		}
	}
	return out
}

// skewLocked takes the clock's error from the rules.
func (s *Server) skewLocked(now time.Time) {
	s.skew.Store(0)
	for _, r := range s.faults.rules {
		if r.Kind == ClockSkew && !r.over(now) {
			s.skew.Store(int64(r.Delay))
		}
	}
}

func (r *rule) over(now time.Time) bool {
	return !r.until.IsZero() && !now.Before(r.until) || r.Times > 0 && r.used >= r.Times
}

// selects reports whether the rule is about the call at all.
func (r *rule) selects(c *call) bool {
	return !r.over(c.now) &&
		(r.Service == "" || r.Service == c.service) &&
		(r.Operation == "*" || r.Operation == c.operation || r.Operation == "" && c.writes()) &&
		(r.Stream == "" || r.Stream == c.stream) &&
		(r.AccessKey == "" || r.AccessKey == c.accessKey)
}

// strikes draws the lot. Rules without a share use up no randomness.
func (r *rule) strikes() bool {
	if r.Share > 0 && r.rand.Float64() >= r.Share {
		return false
	}
	r.used++
	return true
}

// plan is what goes wrong with one call as a whole.
type plan struct {
	delay            time.Duration
	reset, lost, cut bool
	refusal          *apiError
	refusalKind      FaultKind
	lostAfter        time.Duration
	miscount         int
}

func (s *faultSet) plan(c *call) plan {
	var p plan
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.rules {
		perRecord := c.put != nil && (r.Kind == Throttle || r.Kind == RecordError)
		if perRecord || r.Kind == BodyLimit || r.Kind == ClockSkew || !r.selects(c) {
			continue
		}
		if r.Match != "" && (c.put == nil || !slices.ContainsFunc(c.put.records, r.matches)) || !r.strikes() {
			continue
		}
		switch r.Kind {
		case Latency:
			p.delay += r.Delay
		case Reset:
			p.reset = true
		case LostAnswer:
			p.lost, p.lostAfter = true, r.Delay
		case CutAnswer:
			p.cut = true
		case WrongCount:
			if p.miscount = r.Extra; p.miscount == 0 {
				p.miscount = -1
			}
		case Error, RecordError, Throttle:
			p.refusal, p.refusalKind = r.refusal(c), r.Kind
		}
	}
	return p
}

func (r *rule) matches(e putEntry) bool { return bytes.Contains(e.data, []byte(r.Match)) }

// refusal is the rule's error for a whole call.
func (r *rule) refusal(c *call) *apiError {
	e := &apiError{r.Status, r.Code, r.Message}
	if e.code == "" {
		e.code = "InternalFailure"
		switch {
		case r.Kind == Throttle && c.service == "cloudwatch":
			e.code = "ThrottlingException"
		case r.Kind == Throttle:
			e.code = "LimitExceededException"
		}
	}
	if e.status == 0 {
		e.status = faultStatus(e.code)
	}
	if e.message == "" {
		e.message = faultMessage(e.code, c)
	}
	return e
}

// record says what goes wrong with one record of a call; nil is nothing.
func (s *faultSet) record(c *call, shard string, e putEntry) *recordError {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.rules {
		if r.Kind != Throttle && r.Kind != RecordError || !r.selects(c) || r.Shard != "" && r.Shard != shard {
			continue
		}
		if r.Match != "" && !r.matches(e) || !r.strikes() {
			continue
		}
		out := &recordError{kind: r.Kind, code: r.Code, message: r.Message}
		if r.Kind == Throttle && out.code == "" {
			throttled := throttledRecord(c, shard)
			out.code = throttled.code
			if out.message == "" {
				out.message = throttled.message
			}
		}
		if out.code == "" {
			out.code = "InternalFailure"
		}
		if out.message == "" {
			out.message = faultMessage(out.code, c)
		}
		return out
	}
	return nil
}

// tooLarge reports whether the proxy before the service, if there is one, refuses a body of n bytes.
func (s *faultSet) tooLarge(c *call, n int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.rules {
		if r.Kind == BodyLimit && n > r.Limit && r.selects(c) && r.strikes() {
			return true
		}
	}
	return false
}

// refresh ends a clock skew that is over.
func (s *faultSet) refresh(srv *Server, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	srv.skewLocked(now)
}
