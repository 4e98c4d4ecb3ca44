package tailer

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// expect checks what came since the last expect, and more:
//
//	expect nothing | NUMBERS        these lines came, in this order ("3-5 7"; words in quotes are texts)
//	expect all                      every line appended so far has come once, those of each file in order
//	expect all NUMBERS              the same, but these lines were destroyed and need not have come
//	expect each                     every line appended so far has come, some perhaps more than once
//	expect every                    the same, in whatever order
//	expect late|partial NUMBERS     of all that came, these are marked so
//	expect gap BYTES                are reported as lost
//	expect open N                   at most so many bodies are open
//	expect refused N                paths are not read because of who could have put them there
//	expect skipped FILE WORDS...    status tells why a path is not followed
//	expect following N              so many generations are not final
//	expect head FILE BYTES          its fingerprint covers so much
//	expect remembered N             so many generations are in the store
//	expect logged WORDS...
//	expect log-clean
//	expect eof                      Next says that everything is read
func (w *world) expect(args []string) error {
	marked := func(flag Flags) []string {
		var all []string
		for _, d := range w.got {
			if d.flags&flag != 0 {
				all = append(all, d.name())
			}
		}
		return all
	}
	switch args[0] {
	case "all", "each", "every":
		w.checked = len(w.got)
		return w.expectAll(args[0] == "all", args[0] != "every", expand(args[1:]))
	case "late":
		return same(marked(Late), expand(args[1:]))
	case "partial":
		return same(marked(Partial), expand(args[1:]))
	case "gap":
		total := w.gaps
		if w.f != nil {
			total += w.f.Status().Counters.GapBytes
		}
		return same([]string{strconv.FormatInt(total, 10)}, args[1:])
	case "open":
		if n, _ := strconv.Atoi(args[1]); w.f.open > n {
			return fmt.Errorf("%d are open", w.f.open)
		}
		return nil
	case "refused":
		return same([]string{strconv.FormatInt(w.f.Status().Counters.FilesRefused, 10)}, args[1:])
	case "skipped":
		for _, s := range w.f.Status().Skipped {
			if s.Path == w.path(args[1]) && strings.Contains(s.Reason, strings.Join(args[2:], " ")) {
				return nil
			}
		}
		return fmt.Errorf("status has %v", w.f.Status().Skipped)
	case "head": // expect head FILE BYTES: its fingerprint covers so much
		if g := w.f.at(w.path(args[1])); g != nil {
			return same([]string{strconv.Itoa(g.rec().Head.Len)}, args[2:])
		}
		return errors.New("it is not followed")
	case "remembered": // expect remembered N: generations in the store
		gens, err := w.store.Load(w.opts.Flow)
		return errors.Join(err, same([]string{strconv.Itoa(len(gens))}, args[1:]))
	case "following":
		return same([]string{strconv.Itoa(w.f.Status().FilesFollowed)}, args[1:])
	case "logged":
		if !strings.Contains(w.logs.String(), strings.Join(args[1:], " ")) {
			return errors.New("not in the log")
		}
		return nil
	case "log-clean": // no control character has come into the log
		if i := strings.IndexFunc(strings.ReplaceAll(w.logs.String(), "\n", ""), unicode.IsControl); i >= 0 {
			return errors.New("there is a control character in the log")
		}
		for line := range strings.Lines(w.logs.String()) {
			if !strings.HasPrefix(line, "time=") {
				return fmt.Errorf("a name made a line of its own in the log: %q", line)
			}
		}
		return nil
	case "logged-once":
		if n := strings.Count(w.logs.String(), strings.Join(args[1:], " ")); n != 1 {
			return fmt.Errorf("%d times in the log", n)
		}
		return nil
	case "eof":
		for range 100 {
			got, err := w.step()
			if err == io.EOF {
				return nil
			}
			if err != nil {
				return err
			}
			if !got {
				w.clock += w.opts.PollInterval
			}
		}
		return errors.New("no end in sight")
	}
	var got []string
	for _, d := range w.got[w.checked:] {
		got = append(got, d.name())
	}
	w.checked = len(w.got)
	if args[0] == "nothing" {
		return same(got, nil)
	}
	return same(got, expand(args))
}

func (d delivered) name() string {
	if d.number > 0 {
		return strconv.Itoa(d.number)
	}
	return strings.ReplaceAll(strconv.Quote(d.text), " ", "_")
}

func (w *world) expectAll(once, ordered bool, destroyed []string) error {
	seen := map[int]int{}
	last := map[string]int{}
	for _, d := range w.got {
		if d.number == 0 {
			continue
		}
		if seen[d.number]++; seen[d.number] > 1 {
			if once {
				return fmt.Errorf("line %d came again", d.number)
			}
			continue
		}
		name := w.written[d.number]
		if ordered && d.number < last[name] && d.flags&Late == 0 {
			return fmt.Errorf("line %d of %s came after line %d", d.number, name, last[name])
		}
		last[name] = max(last[name], d.number)
	}
	for n := range w.next {
		if seen[n+1] == 0 && !slices.Contains(destroyed, strconv.Itoa(n+1)) {
			return fmt.Errorf("line %d of %s has not come; %d of %d have", n+1, w.written[n+1], len(seen), w.next)
		}
	}
	return nil
}

func expand(words []string) []string {
	var all []string
	for _, word := range words {
		if a, b, ok := strings.Cut(word, "-"); ok && word[0] != '"' {
			x, _ := strconv.Atoi(a)
			y, _ := strconv.Atoi(b)
			for ; x <= y; x++ {
				all = append(all, strconv.Itoa(x))
			}
			continue
		}
		all = append(all, word)
	}
	return all
}

func same(got, want []string) error {
	if slices.Equal(got, want) {
		return nil
	}
	return fmt.Errorf("got %v, want %v", got, want)
}
