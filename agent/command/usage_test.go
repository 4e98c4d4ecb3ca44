package command

import (
	"strings"
	"testing"
)

// What is mistyped is answered with what would be right, and exit code 2.
func TestUsage(t *testing.T) {
	for line, want := range map[string]string{
		"rnu":               "there is no command 'kinetail rnu'; did you mean 'kinetail run'? (see 'kinetail --help')",
		"frobnicate":        "there is no command 'kinetail frobnicate' (see 'kinetail --help')",
		"offsets lst":       "there is no command 'kinetail offsets lst'; did you mean 'kinetail offsets list'?",
		"validate k.hcl":    "validate takes no argument; the configuration is named with -c: kinetail validate -c k.hcl",
		"version now":       `version takes no argument, not "now"`,
		"offsets set nginx": "wrong number of arguments: write kinetail offsets set FLOW FILE beginning|end|N",
		"dead-letter send":  "write kinetail dead-letter send FLOW [DESTINATION]",
		"resume":            "write kinetail resume FLOW",
		"completion foo":    "there is no command 'kinetail completion foo'",
		"run --foo":         "unknown flag: --foo (see 'kinetail run --help')",
	} {
		var out, errOut strings.Builder
		if code := Main(strings.Fields(line), strings.NewReader(""), &out, &errOut); code != exitUsage {
			t.Errorf("%s: exit code %d", line, code)
		}
		if !strings.Contains(errOut.String(), want) {
			t.Errorf("%s: %q, want %q", line, errOut.String(), want)
		}
	}
}
