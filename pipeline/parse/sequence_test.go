package parse

import (
	"regexp"
	"slices"
	"testing"
)

var sequencePatterns = []struct {
	pattern string
	simple  bool
}{
	{benchOptions("regex").Pattern, true},
	{`^(\S+) (\d{2,3}) ([a-f]{2})x?([^x]*)$`, true},
	{`^(\S+) x?(.*)$`, false},
	{`^\[([^\]]*)\] (\w+): ([^\n]*)`, true},
	{`^(a*)(b+)(é*)[^a-zé]`, true},
	{`^(\d{4})-(\d\d)-(\d\d)(.)(x{0,2})$`, true},
	{`^(\p{Greek}+) (.*)$`, true},
	{`^([^"]*)"(.)"$`, true},
	{`^(.*) (.*)$`, false},
	{`^(\w+)(\d+)$`, false},
	{`(\w+) x`, false},
	{`^(a|b)c`, true}, // package syntax makes it a class
	{`^(ab|cd)c`, false},
	{`^(.*?)x`, false},
	{`^(\w*)(?:-)?(\w)`, false},
	{`^(?i)abc (\d+)`, false},
}

func TestSequencesAreRecognised(t *testing.T) {
	for _, tc := range sequencePatterns {
		if got := newSequence(tc.pattern) != nil; got != tc.simple {
			t.Errorf("%s is a sequence: %v", tc.pattern, got)
		}
	}
}

func compareSequence(t *testing.T, pattern, line string) {
	t.Helper()
	s := newSequence(pattern)
	if s == nil {
		return
	}
	want := regexp.MustCompile(pattern).FindStringSubmatchIndex(line)
	if got := s.match(line); !slices.Equal(got, want) {
		t.Fatalf("%q on %q: %v, want %v", pattern, line, got, want)
	}
}

func TestSequencesMatchLikeRegexp(t *testing.T) {
	for _, tc := range sequencePatterns {
		for _, line := range []string{
			"", " ", combinedLine, "abc 123 abx", "abc 12 ab rest\n", "[x] word: rest\nmore", "[] w: ", "aaabbéé\xff", "b1", "2026-01-02Tx", "2026-01-02Txxx",
			"2026-01-02\xffx", "\u03b1\u03b2 x", `abc"d"`, `"\xff"`, "\xff\xfe 12 ab",
		} {
			compareSequence(t, tc.pattern, line)
		}
	}
}

func FuzzSequence(f *testing.F) {
	for _, tc := range sequencePatterns {
		f.Add(tc.pattern, "abc 123 abx\xffé")
	}
	f.Fuzz(func(t *testing.T, pattern, line string) {
		if len(pattern) > 200 {
			return
		}
		if _, err := regexp.Compile(pattern); err == nil {
			compareSequence(t, pattern, line)
		}
	})
}
