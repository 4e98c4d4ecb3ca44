package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/hashicorp/hcl/v2"
)

// maxSource is the largest configuration file, in bytes. A configuration is written by people.
const maxSource = 1 << 20

type source struct {
	name  string // as it is shown
	text  []byte
	tests bool // holds test blocks only
}

type sources struct {
	files []source
	dir   string // where relative paths start
}

// readSources reads the files of a configuration.
func readSources(path string) (sources, hcl.Diagnostics) {
	st, err := os.Stat(path)
	if err != nil {
		return sources{}, unreadable(path, err)
	}
	if !st.IsDir() {
		out := sources{dir: filepath.Dir(path)}
		src, diags := readSource(path)
		if !diags.HasErrors() {
			out.files = append(out.files, src)
		}
		return out, diags
	}
	out := sources{dir: path}
	entries, err := os.ReadDir(path)
	if err != nil {
		return out, unreadable(path, err)
	}
	var diags hcl.Diagnostics
	var skipped []string
	for _, e := range entries { // sorted by name
		if !isSource(e.Name()) {
			skipped = append(skipped, e.Name())
			continue
		}
		name := filepath.Join(path, e.Name())
		if st, err := os.Stat(name); err == nil && st.IsDir() {
			skipped = append(skipped, e.Name())
			continue
		}
		src, problems := readSource(name)
		diags = append(diags, problems...)
		if !problems.HasErrors() {
			out.files = append(out.files, src)
		}
	}
	if len(out.files) == 0 && !diags.HasErrors() {
		diags = append(diags, noSources(path, skipped))
	}
	return out, diags
}

// addTests reads the files of tests beside a configuration: all *_test.hcl of a directory, NAME_test.hcl of a file.
func (s *sources) addTests(path string) (diags hcl.Diagnostics) {
	var names []string
	if entries, err := os.ReadDir(path); err == nil {
		for _, e := range entries {
			if isTests(e.Name()) && !e.IsDir() {
				names = append(names, filepath.Join(path, e.Name()))
			}
		}
	} else {
		stem := strings.TrimSuffix(strings.TrimSuffix(path, ".json"), ".hcl")
		for _, name := range []string{stem + "_test.hcl", stem + "_test.hcl.json"} {
			if _, err := os.Stat(name); err == nil {
				names = append(names, name)
			}
		}
	}
	for _, name := range names {
		src, problems := readSource(name)
		src.tests = true
		if diags = append(diags, problems...); !problems.HasErrors() {
			s.files = append(s.files, src)
		}
	}
	return diags
}

// isTests says whether a file of a directory holds tests of the configuration.
func isTests(name string) bool {
	if strings.HasPrefix(name, ".") || strings.HasPrefix(name, "#") {
		return false
	}
	stem, ok := strings.CutSuffix(strings.TrimSuffix(name, ".json"), ".hcl")
	return ok && strings.HasSuffix(stem, "_test")
}

// isSource says whether a file of a directory belongs to the configuration: neither hidden, nor an editor's, nor tests.
func isSource(name string) bool {
	if strings.HasPrefix(name, ".") || strings.HasPrefix(name, "#") {
		return false
	}
	stem, ok := strings.CutSuffix(strings.TrimSuffix(name, ".json"), ".hcl")
	return ok && !strings.HasSuffix(stem, "_test")
}

func readSource(name string) (source, hcl.Diagnostics) {
	text, err := readRegular(name, maxSource)
	if err != nil {
		return source{}, unreadable(name, err)
	}
	return source{name: name, text: text}, nil
}

func noSources(path string, skipped []string) *hcl.Diagnostic {
	detail := "It holds no *.hcl or *.hcl.json file. Only the directory itself is looked at, not what is below it."
	if len(skipped) > 0 {
		detail += " Not taken: " + strings.Join(skipped[:min(len(skipped), 8)], ", ") + "."
	}
	return &hcl.Diagnostic{Severity: hcl.DiagError, Summary: fmt.Sprintf("No configuration in the directory %s", path), Detail: detail}
}

func isLink(path string) bool {
	st, err := os.Lstat(path)
	return err == nil && st.Mode()&fs.ModeSymlink != 0
}

func unreadable(path string, err error) hcl.Diagnostics {
	detail := upperFirst(err.Error()) + "."
	var perr *fs.PathError
	if errors.As(err, &perr) {
		detail = upperFirst(perr.Err.Error()) + "."
	}
	switch {
	case errors.Is(err, fs.ErrNotExist) && isLink(path):
		detail = "It is a symbolic link to nothing."
	case errors.Is(err, fs.ErrNotExist):
		detail = "It does not exist. Name a file or a directory with -c."
	case errors.Is(err, fs.ErrPermission):
		detail = fmt.Sprintf("Permission denied for the user with id %d. Let that user read the file and enter its directory.", os.Geteuid())
	}
	return hcl.Diagnostics{{Severity: hcl.DiagError, Summary: fmt.Sprintf("Cannot read the configuration %s", path), Detail: detail}}
}

// Files are the names of the files that a configuration is read from, without those that cannot be read.
func Files(path string) []string {
	s, _ := readSources(path)
	var names []string
	for _, f := range s.files {
		names = append(names, f.name)
	}
	return names
}
