package match

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

const (
	combinedPattern = `^(?P<client>\S+) (?P<ident>\S+) (?P<user>\S+) \[(?P<time>[^\]]+)\] "(?P<method>\S+) (?P<path>\S+) (?P<protocol>[^"]+)" (?P<status>\d+) (?P<bytes>\d+) "(?P<referer>[^"]*)" "(?P<agent>[^"]*)"$`
	combinedLine    = `203.0.113.195 - frank [10/Oct/2026:13:55:36 +0000] "GET /api/v1/products/12345?ref=homepage&session=af83bc HTTP/1.1" 200 23261 "https://www.example.com/catalog/index.html" "Mozilla/5.0 (X11; Linux x86_64)"`
)

var matchPatterns = []string{
	combinedPattern, `^(\S+) (\d{2,3}) ([a-f]{2})x?([^x]*)$`, `^(\S+) x?(.*)$`, `^\[([^\]]*)\] (\w+): ([^\n]*)`, `^(a*)(b+)(é*)[^a-zé]`,
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
	r := New(re)
	var st State
	for range 2 {
		if got := r.Find(&st, line); !slices.Equal(got, want) || r.Match(&st, line) != (want != nil) {
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
}

// What would take too long by going back is left to package regexp, in the end altogether.
func TestCostlyPatterns(t *testing.T) {
	re := regexp.MustCompile(`^(a|aa)+(a|aa)+(a|aa)+$`)
	r := New(re)
	if r.code == nil {
		t.Fatal("it has no code")
	}
	var st State
	line := strings.Repeat("a", 2000) + "b"
	for range enoughLeft/2 - 1 {
		if r.Find(&st, line) != nil {
			t.Fatal("it matches")
		}
	}
	if r.Find(&st, "aaa") == nil || r.left.Load() >= enoughLeft {
		t.Error("it is left to regexp too early")
	}
	r.Find(&st, line)
	r.Find(&st, line)
	if r.left.Load() < enoughLeft {
		t.Errorf("nearly all lines were left to regexp, and it is still tried first: %d", r.left.Load())
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
