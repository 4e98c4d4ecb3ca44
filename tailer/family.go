package tailer

import (
	"cmp"
	"strings"
)

// rotatedName is what the name of a rotated body says.
type rotatedName struct {
	base   string // the name of the live file
	number string // the digits of ".1": a greater number is an older body
	stamp  string // "20260101", "2026-01-01T10-00-00": a greater stamp is a newer body
}

// compressedSuffixes are the endings that rotators give to compressed bodies.
var compressedSuffixes = []string{".gz", ".zst", ".zstd", ".bz2", ".xz", ".lz4", ".Z"}

// withoutCompression is name without the ending that a compressor gave it.
func withoutCompression(name string) (string, bool) {
	for _, s := range compressedSuffixes {
		if rest, ok := strings.CutSuffix(name, s); ok && rest != "" {
			return rest, true
		}
	}
	return name, false
}

// parseRotated calls found with each reading of name as that of a rotated body: "a.log.1", "a.log-20260101", "a-20260101.log",
// "a.1.log", "a.log.old", all of them also compressed. It stops when found returns true.
func parseRotated(name string, found func(rotatedName) bool) bool {
	stem, compressed := withoutCompression(name)
	if compressed && found(rotatedName{base: stem}) {
		return true
	}
	for _, old := range []string{".old", ".prev", ".bak"} {
		if base, ok := strings.CutSuffix(stem, old); ok && base != "" && found(rotatedName{base: base, number: "1"}) {
			return true
		}
	}
	if r, ok := cutStamp(stem); ok && found(r) {
		return true
	}
	if dot := strings.LastIndexByte(stem, '.'); dot > 0 && dot < len(stem)-1 && !isDigit(stem[len(stem)-1]) {
		if r, ok := cutStamp(stem[:dot]); ok {
			r.base += stem[dot:]
			return found(r)
		}
	}
	return false
}

// cutStamp divides "a.log.1" or "a.log-2026-01-01T10:00:00" before the number or time stamp it ends with.
func cutStamp(s string) (rotatedName, bool) {
	i, digits := len(s), 0
	for i > 0 && isStamp(s[i-1]) {
		i--
		if isDigit(s[i]) {
			digits++
		}
	}
	// What is left of the run must begin with a separator and then a digit.
	for i < len(s) && (!isSeparator(s[i]) || i+1 >= len(s) || !isDigit(s[i+1])) {
		i++
	}
	if i == 0 || i >= len(s) || digits == 0 {
		return rotatedName{}, false
	}
	r := rotatedName{base: s[:i]}
	if run := s[i+1:]; digits <= 5 && strings.IndexFunc(run, func(c rune) bool { return c < '0' || c > '9' }) < 0 {
		r.number = strings.TrimLeft(run, "0")
	} else {
		r.stamp = run
	}
	return r, true
}

func isDigit(c byte) bool     { return c >= '0' && c <= '9' }
func isSeparator(c byte) bool { return c == '.' || c == '-' || c == '_' }
func isStamp(c byte) bool {
	return isDigit(c) || isSeparator(c) || c == ':' || c == 'T' || c == 'Z' || c == '+'
}

// older compares the names of two bodies of one live file: negative when a is the older, 0 when the names do not tell.
func (a rotatedName) older(b rotatedName) int {
	switch {
	case a.number != "" && b.number != "":
		return cmp.Or(cmp.Compare(len(b.number), len(a.number)), cmp.Compare(b.number, a.number))
	case a.stamp != "" && b.stamp != "":
		return cmp.Compare(a.stamp, b.stamp)
	}
	return 0
}
