package pipeline

import (
	"net/netip"
	"strings"
)

// The built-in patterns that most lines have to be searched for are found by hand: package regexp took a CPU-second for 25 to 50 MB.
// A find function gives the place of the first match at or after from; start is -1 where there is none.

func isDigit(c byte) bool { return c-'0' <= 9 }

func isHex(c byte) bool { return c-'0' <= 9 || c|0x20 >= 'a' && c|0x20 <= 'f' }

// isWordByte is what \w of a regular expression is.
func isWordByte(c byte) bool {
	return isDigit(c) || c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_'
}

// Payment card numbers have 13 to 19 digits (ISO/IEC 7812-1), and those in use begin with 2 to 6.
const (
	minCard = 13
	maxCard = 19
)

// findCard finds 13 to 19 digits, with single spaces or dashes between them at most, that pass the Luhn check. Of several that begin at the
// same place the longest counts: digits may stand beside a card's.
func findCard(text string, from int) (start, end int) {
	for i := from; i < len(text); i++ {
		if c := text[i]; c < '2' || c > '6' || i > 0 && isWordByte(text[i-1]) {
			continue
		}
		if end := cardEnd(text, i); end > 0 {
			return i, end
		}
	}
	return -1, -1
}

// cardEnd is where the card number that begins at start ends, 0 where none does.
func cardEnd(text string, start int) int {
	var digits [maxCard]byte
	n, best := 0, 0
	for i := start; i < len(text) && n < maxCard; i++ {
		c := text[i]
		if !isDigit(c) {
			if (c == ' ' || c == '-') && i+1 < len(text) && isDigit(text[i+1]) {
				continue
			}
			break
		}
		digits[n] = c - '0'
		n++
		if n >= minCard && (i+1 == len(text) || !isWordByte(text[i+1])) && luhn(digits[:n]) {
			best = i + 1
		}
	}
	return best
}

// luhn is the check of ISO/IEC 7812-1, annex B.
func luhn(digits []byte) bool {
	sum := 0
	for i := range digits {
		d := int(digits[len(digits)-1-i])
		if i%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return sum%10 == 0
}

// findIPv4 finds four numbers up to 255 with dots between them, also with zeros in front.
func findIPv4(text string, from int) (start, end int) {
	for at := from; ; {
		i := strings.IndexByte(text[at:], '.')
		if i < 0 {
			return -1, -1
		}
		at += i
		start, n, unit := at, 0, 1
		for start > from && at-start < 3 && isDigit(text[start-1]) {
			start--
			n += unit * int(text[start]-'0')
			unit *= 10
		}
		if start < at && n <= 255 && (start == 0 || !isWordByte(text[start-1])) {
			if end := ipv4Rest(text, at, 3); end > 0 && (end == len(text) || !isWordByte(text[end])) {
				return start, end
			}
		}
		at++
	}
}

// ipv4Rest is where that many groups of a dot and up to three digits end that begin at i; 0 where there are fewer.
func ipv4Rest(text string, i, groups int) int {
	for range groups {
		if i >= len(text) || text[i] != '.' {
			return 0
		}
		i++
		first, n := i, 0
		for i < len(text) && i-first < 3 && isDigit(text[i]) {
			n = 10*n + int(text[i]-'0')
			i++
		}
		if i == first || n > 255 {
			return 0
		}
	}
	return i
}

// findIPv6 finds the longest address among hexadecimal digits and colons, of which there are two at least; an IPv4 address may be its end.
func findIPv6(text string, from int) (start, end int) {
	for at := from; ; {
		i := strings.IndexByte(text[at:], ':')
		if i < 0 {
			return -1, -1
		}
		first := at + i
		for first > at && isHex(text[first-1]) {
			first--
		}
		if at = noIPv6(text, first); at > 0 {
			continue
		}
		if start, end, at = ipv6In(text, first); end > 0 {
			return start, end
		}
	}
}

// noIPv6 is where hexadecimal digits and colons end that hold no address: a time, mostly. All eight groups have seven colons, six where an
// IPv4 address is the end. It is 0 where they may.
func noIPv6(text string, first int) (end int) {
	colons := 0
	for i := first; i < len(text); i++ {
		switch {
		case text[i] == ':':
			if colons++; colons == 6 || i > first && text[i-1] == ':' {
				return 0
			}
		case !isHex(text[i]):
			return i
		}
	}
	return len(text)
}

// ipv6In finds the longest address among hexadecimal digits and colons: what is beside it ("client:2001:db8::1: x") may look like more of it,
// so each group may be its first one, or the colons before it. Where there is none, to is 0, and the search goes on at next.
func ipv6In(text string, first int) (from, to, next int) {
	for at := first; to == 0 || at < to; { // what comes behind it is looked for next
		if end := ipv6End(text, at, to-from); end > 0 {
			from, to = at, end
		}
		begun := at
		if at < len(text) && text[at] == ':' {
			at++
			continue
		}
		for at < len(text) && isHex(text[at]) {
			at++
		}
		if at == begun {
			return from, to, max(at, ipv4Rest(text, at, 3))
		}
	}
	return from, to, to
}

// maxColons is how many colons an address has at most: seven, and one more where it begins or ends with two.
const maxColons = 8

// ipv6End is where the longest address that begins at start ends, if that is longer than least; else 0. What it looks at is as short as an
// address, whatever the length of the text.
func ipv6End(text string, start, least int) int {
	ends := make([]int, 0, 2*maxColons+2) // of groups and colons, ascending
	colons, doubles, digits := 0, 0, 0
	for i := start; ; i++ {
		if i < len(text) && isHex(text[i]) {
			if digits++; digits > 4 {
				break
			}
			continue
		}
		if colons > 1 {
			ends = append(ends, i)
		}
		if i == len(text) || text[i] != ':' {
			if n := len(ends); n > 0 {
				ends[n-1] = max(i, ipv4Rest(text, i, 3))
			}
			break
		}
		if i > start && text[i-1] == ':' {
			doubles++
		}
		if colons++; colons > maxColons || doubles > 1 {
			break
		}
		digits = 0
		if colons > 1 {
			ends = append(ends, i+1)
		}
	}
	for n := len(ends) - 1; n >= 0 && ends[n]-start > least; n-- {
		if _, err := netip.ParseAddr(text[start:ends[n]]); err == nil {
			return ends[n]
		}
	}
	return 0
}

// maybeAWSKey says whether there can be a key of AWS in text.
func maybeAWSKey(text string) bool {
	if strings.Contains(text, "AKIA") || strings.Contains(text, "ASIA") {
		return true
	}
	for i := 0; i+6 <= len(text); i++ {
		if text[i]|0x20 == 's' && text[i+1]|0x20 == 'e' && strings.EqualFold(text[i:i+6], "secret") {
			return true
		}
	}
	return false
}
