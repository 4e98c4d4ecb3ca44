package convert

import (
	"fmt"
	"regexp"
	"strings"
)

// translate checks that a regular expression of Java means the same in RE2, whose syntax is used here. What RE2 lacks (look-around, back references,
// possessive and atomic groups) and what it would take for something else is refused.
func translate(pattern string) (string, error) {
	if at := javaOnly(pattern); at != "" {
		return "", fmt.Errorf("%s in %q is Java's own and means something else here: write it in another way", at, pattern)
	}
	if _, err := regexp.Compile(pattern); err != nil {
		return "", fmt.Errorf("%w: the regular expressions here are RE2's, which has no look-around, no back references, no possessive or atomic groups; write it in another way", err)
	}
	return pattern, nil
}

// javaOnly finds what RE2 would accept and read otherwise: classes within classes.
func javaOnly(pattern string) string {
	inClass := false
	for i := 0; i < len(pattern); i++ {
		switch c := pattern[i]; {
		case c == '\\':
			i++
		case c == '[' && inClass && !strings.HasPrefix(pattern[i:], "[:"):
			return "a [ within [...]"
		case c == '[':
			inClass = true
			if strings.HasPrefix(pattern[i+1:], "^") {
				i++
			}
			if strings.HasPrefix(pattern[i+1:], "]") {
				i++
			}
		case c == ']':
			inClass = false
		case inClass && strings.HasPrefix(pattern[i:], "&&"):
			return "&& within [...]"
		}
	}
	return ""
}

// whole is a pattern that has to match all of a text.
func whole(pattern string) string { return "^(?:" + pattern + ")$" }

// atStart is a pattern that has to match at the start of a line.
func atStart(pattern string) string {
	if strings.HasPrefix(pattern, "^") && !strings.Contains(pattern, "|") {
		return pattern
	}
	return "^(?:" + pattern + ")"
}
