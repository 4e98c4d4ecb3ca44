package agent

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// lastGoodDir is where the last configuration that ran is kept, below state_dir.
const lastGoodDir = "last-good"

// LastGood is the directory with the last configuration that ran, or "" if there is none.
func LastGood(stateDir string) string {
	dir := filepath.Join(stateDir, lastGoodDir)
	if entries, err := os.ReadDir(dir); err != nil || len(entries) == 0 {
		return ""
	}
	return dir
}

// RememberGood copies the configuration at path (a file or a directory) below state_dir, in place of the last one. The
// copy is complete before it replaces the old one.
func RememberGood(path, stateDir string) error {
	files := []string{path}
	if info, err := os.Stat(path); err != nil {
		return fmt.Errorf("remember the configuration: %w", err)
	} else if info.IsDir() {
		files = files[:0]
		for _, pattern := range []string{"*.hcl", "*.hcl.json"} {
			matches, err := filepath.Glob(filepath.Join(path, pattern))
			if err != nil {
				return fmt.Errorf("remember the configuration: %w", err)
			}
			files = append(files, matches...)
		}
	}
	dir := filepath.Join(stateDir, lastGoodDir)
	fresh := dir + ".new"
	if err := os.RemoveAll(fresh); err != nil {
		return fmt.Errorf("remember the configuration: %w", err)
	}
	if err := os.MkdirAll(fresh, 0o700); err != nil {
		return fmt.Errorf("remember the configuration: %w", err)
	}
	for _, f := range files {
		if err := copyConfig(f, fresh); err != nil {
			return fmt.Errorf("remember the configuration: %w", err)
		}
	}
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("remember the configuration: %w", err)
	}
	if err := os.Rename(fresh, dir); err != nil {
		return fmt.Errorf("remember the configuration: %w", err)
	}
	return nil
}

func copyConfig(file, dir string) error {
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // removed since it was listed
	}
	if err != nil {
		return err
	}
	name := filepath.Base(file)
	if !strings.HasSuffix(name, ".hcl") && !strings.HasSuffix(name, ".hcl.json") {
		name += ".hcl" // a single file may be called anything; a directory's files may not
	}
	return os.WriteFile(filepath.Join(dir, name), text, 0o600)
}
