package command

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kinetail/kinetail/agent"
	"github.com/kinetail/kinetail/agent/config"
	"github.com/kinetail/kinetail/emit"
)

// Letters are sent and taken out of the file in rounds of so many, and so many bytes of records, which is what is held in memory. Each
// round writes the file anew, so that they are not small.
var (
	roundLetters = 50_000 // fewer in tests
	roundBytes   = int64(16 << 20)
)

// encodedReasons are those of destinations, which refuse what was encoded for them. Any other letter is the text of a record that a step
// refused, which the destination's consumers may not expect.
var encodedReasons = []string{"refused", "too_large", "key_too_long"}

// letterSender sends the letters of one file.
type letterSender struct {
	cmd   *cobra.Command
	cfg   *config.Config
	flags *letterFlags
	path  emit.LetterPath
	line  *liveLine

	sent, sentBytes int64
	refused         map[string]int64 // by what was said
	open            int64            // without an answer
	skipped         map[string]int64 // by reason: not meant, because nobody named them
	broken          int64            // lines that are no letters
}

// wants says whether a letter is to be sent, and counts those that are left out without having been meant to.
func (s *letterSender) wants(l *emit.StoredLetter) bool {
	switch {
	case l.Err != nil:
		s.broken++
		return false
	case len(s.flags.reasons) > 0:
		return slices.Contains(s.flags.reasons, l.Reason)
	case !slices.Contains(encodedReasons, l.Reason):
		s.skipped[l.Reason]++
		return false
	}
	return true
}

// round reads the letters of the next round. next is where the one after begins; more says whether there may be one.
func (s *letterSender) round(f *emit.LetterFile, from int64) (letters []emit.StoredLetter, next int64, more bool, err error) {
	var bytes int64
	next = from
	err = f.Each(from, func(l *emit.StoredLetter) bool {
		next = l.To
		if s.wants(l) {
			letters = append(letters, *l)
			bytes += int64(len(l.Data))
		}
		more = len(letters) >= roundLetters || bytes >= roundBytes
		return !more
	})
	return letters, next, more, err
}

func (s *letterSender) dryRun() error {
	s.skipped = map[string]int64{}
	if _, err := s.target(); err != nil {
		return err
	}
	f, err := emit.OpenLetterFile(s.path.Path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	keys := map[string]bool{}
	for from, more := int64(0), true; more; {
		var letters []emit.StoredLetter
		letters, from, more, err = s.round(f, from)
		if err != nil {
			return err
		}
		for i := range letters {
			s.sent++
			s.sentBytes += int64(len(letters[i].Data))
			keys[letters[i].Key] = true
		}
	}
	target, _ := s.target()
	_, err = fmt.Fprintf(s.cmd.OutOrStdout(), "would send %d letters, %s, to %s (%d partition keys)\n", s.sent, size(s.sentBytes), target, len(keys))
	s.tellSkipped()
	return err
}

// target says where the letters go, or why they can't.
func (s *letterSender) target() (string, error) {
	for _, f := range s.cfg.Flows {
		for _, e := range f.Emits {
			if f.Name != s.path.Flow || e.Name != s.path.Destination {
				continue
			}
			if e.Kind == "stdout" {
				return "", errors.New("letters of a stdout destination can't be sent to it from here: 'kinetail dead-letter show --raw' prints them")
			}
			return strings.TrimSpace(e.Kind + " " + e.Stream + e.StreamARN + e.Path), nil
		}
	}
	return "", fmt.Errorf("%w (any more): move %s to where another flow and emit block have theirs, or remove it", agent.ErrNoDestination, s.path.Path)
}

func (s *letterSender) run(ctx context.Context) error {
	s.refused, s.skipped = map[string]int64{}, map[string]int64{}
	target, err := s.target()
	if err != nil {
		return err
	}
	lock, err := emit.LockSending(s.path)
	if err != nil {
		return err
	}
	defer func() { _ = lock.Close() }()
	log, _ := newLogger(s.cmd.ErrOrStderr(), &s.cfg.Agent)
	r, err := agent.NewRedelivery(ctx, agent.Options{Config: s.cfg, Version: Version, Log: log},
		s.path.Flow, s.path.Destination)
	if err != nil {
		return err
	}
	err = s.rounds(ctx, r)
	err = errors.Join(err, r.Close())
	s.line.set("")
	text := fmt.Sprintf("sent nothing to %s", target)
	if s.sent > 0 {
		text = fmt.Sprintf("sent %d letters, %s, to %s and removed them from %s", s.sent, size(s.sentBytes), target, printable(s.path.Path))
	}
	if _, e := fmt.Fprintln(s.cmd.OutOrStdout(), text); e != nil {
		err = errors.Join(err, e)
	}
	s.tellSkipped()
	return errors.Join(s.leftOver(), err)
}

// rounds sends the letters that are in the file now.
func (s *letterSender) rounds(ctx context.Context, r *agent.Redelivery) error {
	info, err := os.Stat(s.path.Path)
	if err != nil {
		return fmt.Errorf("look at the dead letters: %w", err)
	}
	end := info.Size() // what comes later is for another time
	for from := int64(0); from < end; {
		next, removed, err := s.one(ctx, r, from)
		if err != nil {
			return err
		}
		if next == from {
			return nil // the end of a letter that is being written
		}
		from = next - removed
		end -= removed
	}
	return nil
}

// one sends a round, and takes what was accepted out of the file, also when ctx has ended.
func (s *letterSender) one(ctx context.Context, r *agent.Redelivery, from int64) (next, removed int64, err error) {
	f, err := emit.OpenLetterFile(s.path.Path)
	if err != nil {
		return 0, 0, err
	}
	defer func() { _ = f.Close() }()
	letters, next, _, err := s.round(f, from)
	if err != nil || len(letters) == 0 {
		return next, 0, err
	}
	s.line.set("%d letters sent, %s", s.sent, size(s.sentBytes))
	verdicts, sendErr := r.Send(ctx, letters)
	var lines []emit.ByteRange
	for i, v := range verdicts {
		l := &letters[i]
		switch {
		case v.Accepted:
			lines = append(lines, emit.ByteRange{From: l.From, To: l.To})
			removed += l.To - l.From
			s.sent++
			s.sentBytes += int64(len(l.Data))
		case v.Refused != "":
			s.refused[v.Refused]++
		default:
			s.open++
		}
	}
	if err := f.Remove(context.WithoutCancel(ctx), lines); err != nil {
		return 0, 0, errors.Join(sendErr, fmt.Errorf("%d letters were accepted and are still in the file, so that another send repeats them: %w", len(lines), err))
	}
	return next, removed, sendErr
}

// leftOver says what was meant and is still there.
func (s *letterSender) leftOver() error {
	var all []string
	var refused int64
	for _, n := range s.refused {
		refused += n
	}
	if refused > 0 {
		all = append(all, fmt.Sprintf("%d letters were refused again and stay:", refused))
		for why, n := range s.refused {
			all = append(all, fmt.Sprintf("  %d x %s", n, safe([]byte(why))))
		}
		slices.Sort(all[1:])
	}
	if s.open > 0 {
		all = append(all, fmt.Sprintf("%d letters were not accepted in time and stay", s.open))
	}
	if len(all) == 0 {
		return nil
	}
	return errors.New(strings.Join(all, "\n"))
}

// tellSkipped says what was left alone.
func (s *letterSender) tellSkipped() {
	for _, reason := range slices.Sorted(maps.Keys(s.skipped)) {
		_, _ = fmt.Fprintf(s.cmd.ErrOrStderr(), "%d letters are not in the form that the destination gets (%s): they stay; --reason %s sends them as they are\n",
			s.skipped[reason], safe([]byte(reason)), safe([]byte(reason)))
	}
	if s.broken > 0 {
		_, _ = fmt.Fprintf(s.cmd.ErrOrStderr(), "%d lines of %s are no letters and stay\n", s.broken, printable(s.path.Path))
	}
}
