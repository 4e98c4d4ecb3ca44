package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/hashicorp/hcl/v2"
)

// suggestion is what was probably meant.
type suggestion struct {
	meant        string // the name, where it exists in the same block
	hint, detail string
}

// suggest finds what was meant by a name that doesn't exist in the block at path, among the names known there: the same name spelt
// otherwise, the word another agent uses, a slip of the fingers, or the right name in the wrong block.
func (d *decoder) suggest(name string, known []string, path string) suggestion {
	for _, k := range known {
		if flat(k) == flat(name) {
			return didYouMean(k)
		}
	}
	words := neighbours[flat(name)]
	for _, n := range words {
		if slices.Contains(known, n.ours) {
			s := didYouMean(n.ours)
			s.detail = n.why
			return s
		}
	}
	elsewhere := d.elsewhere()
	near := nearest(name, known)
	if near != "" && (len(elsewhere[name]) == 0 || distance(name, near) <= 1) {
		return didYouMean(near)
	}
	if place := belongs(name, path, elsewhere); place != "" {
		return suggestion{hint: "it belongs " + place}
	}
	for _, n := range words {
		if n.ours == "" {
			return suggestion{detail: n.why}
		}
		if place := belongs(n.ours, path, elsewhere); place != "" {
			return suggestion{hint: fmt.Sprintf("did you mean %q? It belongs %s", n.ours, place), detail: n.why}
		}
	}
	return suggestion{}
}

// belongs says where a name that exists elsewhere belongs; "" if nowhere.
func belongs(name, path string, elsewhere map[string][]string) string {
	in := elsewhere[name]
	if len(in) == 0 {
		return ""
	}
	best := slices.MinFunc(in, func(a, b string) int { // a block inside this one, else the outermost
		return cmp.Or(cmp.Compare(btoi(!inside(a, path)), btoi(!inside(b, path))), cmp.Compare(strings.Count(a, "."), strings.Count(b, ".")), cmp.Compare(a, b))
	})
	if best == "" {
		return "at the top level, outside of any block"
	}
	return "in the " + blockPath(best)
}

// blockPath turns "flow.emit.aws" into words.
func blockPath(path string) string {
	parts := strings.Split(path, ".")
	slices.Reverse(parts)
	words := parts[0] + " block"
	for _, p := range parts[1:] {
		article := "a"
		if strings.ContainsRune("aeiou", rune(p[0])) {
			article = "an"
		}
		words += fmt.Sprintf(" of %s %s block", article, p)
	}
	return words
}

func inside(path, outer string) bool { return strings.HasPrefix(path, outer+".") }

func didYouMean(name string) suggestion { return suggestion{meant: name, hint: mean(name)} }

func mean(s string) string { return fmt.Sprintf("did you mean %q?", s) }

// places says which blocks take a name, learnt by reading an empty configuration.
var places = sync.OnceValue(func() map[string][]string {
	d := &decoder{opts: Options{}.filled(), describing: true, names: map[string][]string{}, eval: &hcl.EvalContext{}}
	d.describe()
	return d.names
})

// flat drops what differs only by the habits of a language: case, dashes, dots and underscores.
func flat(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '_' || r == '-' || r == '.' || r == ' ' {
			return -1
		}
		return r
	}, strings.ToLower(s))
}

// nearest is the word of known that is at most a third of its letters away from s, or "".
func nearest(s string, known []string) string {
	if len(s) > 64 {
		return ""
	}
	best, bestDistance := "", 0
	for _, k := range known {
		d := distance(strings.ToLower(s), strings.ToLower(k))
		if d <= max(1, min(len(k), len(s))/3) && (best == "" || d < bestDistance) {
			best, bestDistance = k, d
		}
	}
	return best
}

// distance is the number of letters to insert, remove, replace or swap with the next to get from a to b (the optimal string
// alignment distance).
func distance(a, b string) int {
	s, t := []rune(a), []rune(b)
	var before []int
	last := make([]int, len(t)+1)
	for j := range last {
		last[j] = j
	}
	for i := range s {
		row := make([]int, len(t)+1)
		row[0] = i + 1
		for j := range t {
			cost := 1
			if s[i] == t[j] {
				cost = 0
			}
			row[j+1] = min(last[j+1]+1, row[j]+1, last[j]+cost)
			if i > 0 && j > 0 && s[i] == t[j-1] && s[i-1] == t[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last = last, row
	}
	return last[len(t)]
}
