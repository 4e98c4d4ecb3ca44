package config

import (
	"strings"
	"testing"
)

// Operators as other languages write them are shown as they are written here; words that only look like one are left alone.
func TestOtherOperators(t *testing.T) {
	for _, c := range []struct{ expression, want string }{
		{`record.status = 200`, `"=" here|to compare, write ==`},
		{`record.a and record.b`, `"and" here|write &&`},
		{`(record.a or record.b)`, `"or" here|write ||`},
		{`can(record.a | record.b)`, `"|" here|write ||`},
		{`record.path =~ "^/api"`, `"=~" here|write can(regex("...", record.field))`},
		{`not record.ok`, `"not" here|write !`},
		{`record.a && not record.ok`, `"not" here|write !`},
		{`record.level in ["a", "b"]`, `"in" here|write contains(["a", "b"], record.field)`},
		{`record.path contains "x"`, `"contains" here|write strcontains(record.field, "...")`},
		{`record.order island`, `Missing newline after argument|`},
		{`contains(["a"], record.level`, `not closed|a ) is missing before this`},
	} {
		for _, form := range []string{"filter {\n keep = %\n}", "filter { keep = % }"} {
			_, diags := loadNamed(t, "x.hcl", "flow \"x\" {\n tail { paths = [\"/x\"] }\n "+strings.Replace(form, "%", c.expression, 1)+"\n emit \"stdout\" {}\n}\n")
			got := string(text(t, diags))
			for _, want := range strings.Split(c.want, "|") {
				if !strings.Contains(got, want) && (form[7:9] == "{\n" || c.want[0] == '"') {
					t.Errorf("%s: %q is not in\n%s", strings.Replace(form, "%", c.expression, 1), want, got)
				}
			}
		}
	}
}
