package config

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

// globMeta are the characters that make a path a pattern.
const globMeta = `*?[{\`

func globMatches(pattern, path string) bool {
	ok, err := doublestar.Match(pattern, path)
	return err == nil && ok
}

// pathPattern checks a path or pattern of files.
func (d *decoder) pathPattern(name string) check {
	return func(s string) *problem {
		p := &problem{summary: fmt.Sprintf("%s cannot be %q", name, s)}
		switch {
		case s == "":
			p.summary = fmt.Sprintf("%s holds an empty path", name)
		case strings.Contains(s, "://"):
			p.detail = "It is a path of this host's file system, not a URL."
		case strings.HasPrefix(s, "~"):
			p.detail = "There is no home directory here: write the absolute path."
		case !filepath.IsAbs(s):
			p.summary = fmt.Sprintf("%s must hold absolute paths", name)
			p.detail = "A relative one would depend on the directory that the agent is started in."
			if abs, err := filepath.Abs(filepath.Join(d.opts.BaseDir, s)); err == nil {
				p.hint = mean(abs)
			}
		default:
			return badPattern(s)
		}
		return p
	}
}

// excludePattern checks a pattern that absolute paths are compared with.
func excludePattern(s string) *problem {
	if s == "" || !strings.HasPrefix(s, "/") && !strings.HasPrefix(s, "**") {
		return &problem{
			summary: fmt.Sprintf("exclude %q matches nothing", s), hint: mean("**/" + s),
			detail: "Patterns are compared with the whole path, which starts with a slash.",
		}
	}
	return badPattern(s)
}

// badPattern finds what makes a pattern invalid, or such that it can match no file.
func badPattern(s string) *problem {
	p := &problem{summary: fmt.Sprintf("The pattern %q can match nothing", s)}
	switch {
	case !doublestar.ValidatePattern(s):
		p.summary = fmt.Sprintf("%q is not a pattern", s)
		p.detail = "A [ or { is not closed, or a backslash is last. " + patternHelp
		return p
	case strings.HasSuffix(s, "/"):
		p.hint = mean(s + "*")
		p.detail = "It names a directory, and only files are followed."
		return p
	case strings.ContainsRune(s, 0):
		p.detail = "No path holds a NUL."
		return p
	}
	for _, part := range strings.Split(s[1:], "/") {
		switch {
		case part == "." || part == ".." || part == "":
			p.hint = mean(filepath.Clean(s))
			p.detail = "Patterns are compared with clean paths, which hold no empty part, no . and no .."
			return p
		case strings.Contains(part, "**") && part != "**":
			fixed := strings.Replace(s, part, "**/"+strings.ReplaceAll(part, "**", "*"), 1)
			return &problem{
				summary: fmt.Sprintf("** in %q does not cross directories", s), hint: mean(fixed),
				detail: "It does so only where it stands alone between slashes.",
			}
		}
	}
	return nil
}

const patternHelp = "* stands for any characters but a slash, ** between slashes for any directories, ? for one character, [a-z] and {a,b} for one of several; a backslash takes the meaning away."

// pipePath checks the path of a named pipe.
func (d *decoder) pipePath(s string) *problem {
	if strings.ContainsAny(s, globMeta) {
		return &problem{summary: fmt.Sprintf("pipes cannot hold the pattern %q", s), detail: "Opening a pipe takes what is in it, so each is named. Write its path."}
	}
	return d.pathPattern("pipes")(s)
}
