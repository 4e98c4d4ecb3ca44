package config

import (
	"regexp"
	"strings"
)

// behindOperand are hcl's complaints about something that follows an operand and can't.
var behindOperand = []string{
	"Missing newline after argument", "Invalid single-argument block definition", "Unsupported operator", "Missing argument separator",
	"Unbalanced parentheses", "Missing item separator", "Invalid expression", "Missing attribute separator", "Argument definition required",
}

// operator is how another language writes an operator.
type operator struct{ word, hint string }

// otherOperators are others' operators, by what begins at the place of the complaint.
var otherOperators = []operator{
	{"and", "write &&"},
	{"or", "write ||"},
	{"&", "write &&"},
	{"|", "write ||"},
	{"=~", `write can(regex("...", record.field))`},
	{"~=", `write can(regex("...", record.field))`},
	{"=", "to compare, write =="},
	{"<>", "write !="},
	{"is", "write =="},
	{"eq", "write =="},
	{"ne", "write !="},
	{"gt", "write >"},
	{"ge", "write >="},
	{"lt", "write <"},
	{"le", "write <="},
	{"in", `write contains(["a", "b"], record.field)`},
	{"not", "write !(...)"},
	{"contains", `write strcontains(record.field, "...")`},
	{"startswith", `write startswith(record.field, "...")`},
	{"endswith", `write endswith(record.field, "...")`},
	{"matches", `write can(regex("...", record.field))`},
	{"like", `write startswith, endswith or strcontains(record.field, "...")`},
}

// An operand before an operator on its line: without one, the word is something else.
var (
	operandBefore = regexp.MustCompile(`=.*[\w"\])]\s*$`)
	notBefore     = regexp.MustCompile(`[=&|(]\s*not\s+$`)
)

// otherOperator finds an operator of another language where hcl complains, in the line that holds the place.
func otherOperator(text []byte, at int, line string) (operator, bool) {
	_, start := lineAt(text, at)
	if at-start > len(line) || at < start {
		return operator{}, false
	}
	before, rest := line[:at-start], line[at-start:]
	if notBefore.MatchString(before) {
		return operator{"not", "write !"}, true
	}
	if strings.HasPrefix(rest, "~") && strings.HasSuffix(before, "=") { // hcl complains about the second character of =~
		before, rest = before[:len(before)-1], "="+rest
	}
	if !operandBefore.MatchString(before) {
		return operator{}, false
	}
	for _, o := range otherOperators {
		tail, ok := strings.CutPrefix(rest, o.word)
		if !ok {
			continue
		}
		if last := o.word[len(o.word)-1]; last >= 'a' && last <= 'z' && tail != "" && nameByte(tail[0]) {
			continue // only the beginning of a word
		}
		return o, true
	}
	return operator{}, false
}

func nameByte(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}
