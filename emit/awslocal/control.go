package awslocal

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// faultJSON spells durations as text.
type faultJSON struct {
	*plainFault
	For   string `json:"for,omitempty"`
	Delay string `json:"delay,omitempty"`
}

type plainFault Fault

// MarshalJSON writes durations as "300ms".
func (f Fault) MarshalJSON() ([]byte, error) {
	out := faultJSON{plainFault: (*plainFault)(&f)}
	if f.For != 0 {
		out.For = f.For.String()
	}
	if f.Delay != 0 {
		out.Delay = f.Delay.String()
	}
	return json.Marshal(out)
}

// UnmarshalJSON reads what MarshalJSON writes, and refuses a kind it doesn't know.
func (f *Fault) UnmarshalJSON(b []byte) error {
	in := faultJSON{plainFault: (*plainFault)(f)}
	if err := json.Unmarshal(b, &in); err != nil {
		return err
	}
	for _, d := range []struct {
		text string
		into *time.Duration
	}{{in.For, &f.For}, {in.Delay, &f.Delay}} {
		if d.text == "" {
			continue
		}
		var err error
		if *d.into, err = time.ParseDuration(d.text); err != nil {
			return fmt.Errorf("read a fault: %w", err)
		}
	}
	switch f.Kind {
	case Throttle, RecordError, Error, Latency, Reset, LostAnswer, CutAnswer, WrongCount, BodyLimit, ClockSkew:
		return nil
	}
	return fmt.Errorf("read a fault: no such kind %q", f.Kind)
}

// serveControl is the side door for another process, on the same port:
//
//	GET    /_awslocal/faults          the faults in force; PUT replaces them, POST adds to them, DELETE ends them
//	GET    /_awslocal/counters        Counters
//	PUT    /_awslocal/rates           {"scale": 0.1}, as SetRates
//	GET    /_awslocal/metrics         what CloudWatch got
//	GET    /_awslocal/streams/NAME    Stats
//	GET    /_awslocal/objects/NAME    Objects of a delivery stream
func (s *Server) serveControl(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	what, name, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/_awslocal/"), "/")
	var answer any
	switch r.Method + " " + what {
	case "GET faults":
		answer = s.Faults()
	case "PUT faults", "POST faults":
		var faults []Fault
		if err = json.Unmarshal(body, &faults); err == nil {
			if r.Method == http.MethodPut {
				s.SetFaults(faults...)
			} else {
				s.AddFaults(faults...)
			}
			answer = s.Faults()
		}
	case "DELETE faults":
		s.SetFaults()
		answer = s.Faults()
	case "GET counters":
		answer = s.Counters()
	case "PUT rates":
		var in struct{ Scale float64 }
		if err = json.Unmarshal(body, &in); err == nil {
			s.SetRates(in.Scale)
			answer = in
		}
	case "GET metrics":
		answer = s.Metrics()
	case "GET streams":
		answer, err = s.Stats(name)
	case "GET objects":
		answer, err = s.Objects(name)
	default:
		http.NotFound(w, r)
		return
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.writeJSON(w, answer)
}
