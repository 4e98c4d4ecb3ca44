package plan

import (
	"time"

	"github.com/kinetail/kinetail/pipeline/record"
)

// Rate is how fast a flow's files grow, on one host.
type Rate struct {
	Lines float64 `json:"lines_per_second"`
	// From says how it is known.
	From string `json:"from"`
	// Span is the time that it was measured over, in seconds; 0 if it was given.
	Span float64 `json:"span_seconds,omitempty"`
}

// stamps collects the times that parse steps find in the lines.
type stamps struct {
	first, last time.Time
	n           int64
	index       int // of the record looked at last, so that each counts once
}

// stampFields are where parse steps put the time of a line.
var stampFields = []string{"timestamp", "@timestamp", "time", "datetime"}

// stampLayouts are what is understood there: what parse makes, and what access logs have.
var stampLayouts = []string{time.RFC3339Nano, "02/Jan/2006:15:04:05 -0700", "2006-01-02 15:04:05", "2006-01-02T15:04:05"}

func (s *stamps) look(index int, r *record.Record) {
	if index == s.index {
		return
	}
	for _, name := range stampFields {
		v := r.Get(name)
		if v.Kind() != record.String {
			continue
		}
		for _, layout := range stampLayouts {
			t, err := time.Parse(layout, v.Str())
			if err != nil {
				continue
			}
			s.index = index
			s.n++
			if s.first.IsZero() || t.Before(s.first) {
				s.first = t
			}
			if t.After(s.last) {
				s.last = t
			}
			return
		}
	}
}

// rate is by the times in the lines, if most have one and they are not all of one second.
func (s *stamps) rate(lines int64) (Rate, bool) {
	span := s.last.Sub(s.first)
	if span < time.Second || s.n*2 < lines {
		return Rate{}, false
	}
	return Rate{Lines: float64(lines) / span.Seconds(), From: "time stamps in the lines", Span: span.Seconds()}, true
}

// fileRate is by when the files were made and changed last. bytesPerLine is that of the sample.
func fileRate(parts []part, bytesPerLine float64) (Rate, bool) {
	var first, last time.Time
	size := int64(0)
	for i := range parts {
		p := &parts[i]
		if p.birth.IsZero() || !p.changed.After(p.birth) {
			return Rate{}, false
		}
		if first.IsZero() || p.birth.Before(first) {
			first = p.birth
		}
		if p.changed.After(last) {
			last = p.changed
		}
		size += p.size
	}
	span := last.Sub(first)
	if span < time.Second || bytesPerLine == 0 {
		return Rate{}, false
	}
	return Rate{Lines: float64(size) / bytesPerLine / span.Seconds(), From: "when the files were made and changed last", Span: span.Seconds()}, true
}
