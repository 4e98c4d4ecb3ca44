package tailer

import (
	"slices"
	"testing"
)

func TestParseRotated(t *testing.T) {
	for name, base := range map[string]string{
		"a.log.1": "a.log", "a.log.10.gz": "a.log", "a.log-20260101": "a.log", "a.log-20260101.gz": "a.log", "a.log.2026-01-01": "a.log",
		"a-20260101.log": "a.log", "a-2026-01-01T10-00-00.000.log": "a.log", "a.1.log": "a.log", "a.log.old": "a.log", "a.log.gz": "a.log",
		"a.log.1.zst": "a.log", "a.log-1700000000": "a.log", "syslog.1": "syslog", "a_2026-01-01_10:00:00.log": "a.log",
	} {
		if !parseRotated(name, func(r rotatedName) bool { return r.base == base }) {
			t.Errorf("%s is not seen as a rotated name of %s", name, base)
		}
	}
	for _, name := range []string{"a.log", "access", "b.log.txt", "1", ".1", "-20260101", "a.gzip", ""} {
		parseRotated(name, func(r rotatedName) bool {
			if r.base == "" || r.base == name {
				t.Errorf("%q is seen as a rotated name of %q", name, r.base)
			}
			return false
		})
	}
}

func TestRotatedNameOrder(t *testing.T) {
	names := []string{"a.log.9", "a.log.10", "a.log.1", "a.log.2.gz"}
	how := func(name string) (out rotatedName) {
		parseRotated(name, func(r rotatedName) bool {
			if r.base != "a.log" {
				return false
			}
			out = r
			return true
		})
		return out
	}
	slices.SortFunc(names, func(a, b string) int { return how(a).older(how(b)) })
	if want := []string{"a.log.10", "a.log.9", "a.log.2.gz", "a.log.1"}; !slices.Equal(names, want) {
		t.Errorf("got %v, want %v", names, want)
	}
	if how("a.log-20260102").older(how("a.log-20260101")) <= 0 {
		t.Error("a later stamp must be the newer")
	}
}

func TestExpandBraces(t *testing.T) {
	for pattern, want := range map[string][]string{
		"/a/*.log":      {"/a/*.log"},
		"/{a,b/c}/x":    {"/a/x", "/b/c/x"},
		"/{a,b}{1,2}":   {"/a1", "/a2", "/b1", "/b2"},
		"/{a,{b,c}d}/x": {"/a/x", "/bd/x", "/cd/x"},
		`/\{a,b\}`:      {`/\{a,b\}`},
	} {
		if got := expandBraces(pattern); !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", pattern, got, want)
		}
	}
}
