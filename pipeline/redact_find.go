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
		i += at
		first, colons := i, 0
		for first > at && isHex(text[first-1]) {
			first--
		}
		last := i
		for last < len(text) && (isHex(text[last]) || text[last] == ':') {
			if text[last] == ':' {
				colons++
			}
			last++
		}
		at = last
		if colons < 6 && !strings.Contains(text[first:last], "::") {
			continue // a time, mostly: all eight groups have seven colons, six where an IPv4 address is the end
		}
		if last < len(text) && text[last] == '.' {
			if v4 := ipv4Rest(text, last, 3); v4 > 0 {
				last = v4
				at = v4
			}
		}
		if s, e := addressIn(text[first:last]); e > 0 {
			return first + s, first + e
		}
	}
}

// maxAddress is the longest text of an IPv6 address, in bytes: eight groups, or six and an IPv4 address.
const maxAddress = 45

// addressIn finds the longest address among the groups between the colons of text: what is beside it ("client:2001:db8::1: x") may look
// like more of it. to is 0 where there is none.
func addressIn(text string) (from, to int) {
	if len(text) <= maxAddress {
		if _, err := netip.ParseAddr(text); err == nil {
			return 0, len(text)
		}
	}
	cuts := []int{0}
	for i := 0; i < len(text); i++ {
		if text[i] == ':' {
			cuts = append(cuts, i, i+1)
		}
	}
	cuts = append(cuts, len(text))
	for i, start := range cuts {
		if to > 0 && start >= to { // what comes behind it is looked at next
			break
		}
		for j := len(cuts) - 1; j > i; j-- {
			if cuts[j]-start > maxAddress {
				continue
			}
			if cuts[j]-start <= to-from {
				break
			}
			if one := text[start:cuts[j]]; strings.Count(one, ":") >= 2 {
				if _, err := netip.ParseAddr(one); err == nil {
					from, to = start, cuts[j]
				}
			}
		}
	}
	return from, to
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
