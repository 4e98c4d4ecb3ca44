package parse

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

var matchPatterns = []string{
	benchOptions("regex").Pattern, `^(\S+) (\d{2,3}) ([a-f]{2})x?([^x]*)$`, `^(\S+) x?(.*)$`, `^\[([^\]]*)\] (\w+): ([^\n]*)`, `^(a*)(b+)(é*)[^a-zé]`,
	`^(\d{4})-(\d\d)-(\d\d)(.)(x{0,2})$`, `^(\p{Greek}+) (.*)$`, `^([^"]*)"(.)"$`, `^(.*) (.*)$`, `^(\w+)(\d+)$`, `(\w+) x`, `^(a|b)c`, `^(ab|cd)c`, `^(.*?)x`,
	`^(\w*)(?:-)?(\w)`, `^(?i)abc (\d+)`, `(?i)straße|k`, `a+?b*?`, `(a|ab)(c|bcd)(d*)`, `(?:(a)|b)+`, `(?:a+b)*c`, `\bfoo\b|\Boo`, `x*`, `(x*)*`, `^$`, `$`, `(?m)^a$`, `(?s)a.b`, `a.b`,
	`(a.*?)(b?)(c+?)$`, `([^ ]*) (?: +([^"]*?)(?: +\S*)?)?x`, `(?:(\d{1,3})\.){3}(\d+)`, `"((?:\\.|[^\\"])*)"`, `\x{fffd}|é`, `[^a]{2,4}?b`, `((a)|(b))*?c`, `a{0}b`, `(?:a|b|)c`, `[[:^ascii:]]+`,
}

func compareMatch(t *testing.T, pattern, line string) {
	t.Helper()
	re, err := regexp.Compile(pattern)
	if err != nil {
		return
	}
	want := re.FindStringSubmatchIndex(line)
	m := newMatcher(re)
	for range 2 {
		if got := m.find(line); !slices.Equal(got, want) {
			t.Fatalf("%q on %q: %v, want %v", pattern, line, got, want)
		}
	}
}

func TestMatchersMatchLikeRegexp(t *testing.T) {
	lines := []string{
		"", " ", combinedLine, "abc 123 abx", "abc 12 ab rest\n", "[x] word: rest\nmore", "[] w: ", "aaabbéé\xff", "b1", "2026-01-02Tx", "2026-01-02Txxx",
		"2026-01-02\xffx", "\u03b1\u03b2 x", `abc"d"`, `"\xff"`, "\xff\xfe 12 ab", "ABC 7", "STRASSE straße STRAßE \u212a", "abcd", "ababab c", "foo food oo", "a\nb", "x  y z  x", "10.0.0.1 x",
		`say "a \" b" c`, "\ufffd \xc3", "aaaabbbbcccc", strings.Repeat("a", 300) + "c", strings.Repeat("ab ", 100) + "x",
	}
	for _, pattern := range matchPatterns {
		for _, line := range lines {
			compareMatch(t, pattern, line)
		}
	}
	g := grok{}
	for name := range grokPatterns {
		text, err := g.expand("%{"+name+":x}", 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range append(lines, "2026-01-02 03:04:05,678 WARN abc", "Oct 11 22:14:15 host su[230]: failed", "2001:db8::1 GET /a 42 and more", "10/Oct/2026:13:55:36 +0000", "https://user:pw@host.example:80/a?b=c#d") {
			compareMatch(t, text, line)
		}
	}
}

// What would take too long by going back is left to package regexp, in the end altogether.
func TestCostlyPatterns(t *testing.T) {
	re := regexp.MustCompile(`^(a|aa)+(a|aa)+(a|aa)+$`)
	m := newMatcher(re)
	if m.code == nil {
		t.Fatal("it has no code")
	}
	line := strings.Repeat("a", 2000) + "b"
	for range enoughTries + 1 {
		if m.find(line) != nil {
			t.Fatal("it matches")
		}
	}
	if m.code != nil {
		t.Errorf("%d of %d lines were left to regexp, and it is still tried first", m.leaves, m.tries)
	}
}

func FuzzMatcher(f *testing.F) {
	for _, pattern := range matchPatterns {
		f.Add(pattern, "abc 123 abx\xffé")
	}
	f.Fuzz(func(t *testing.T, pattern, line string) {
		if len(pattern) <= 200 {
			compareMatch(t, pattern, line)
		}
	})
}
