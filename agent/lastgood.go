package agent

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/kinetail/kinetail/agent/config"
)

// lastGoodDir is where the last configuration that ran is kept, below state_dir; one that is being written and the one before it are beside it.
const (
	lastGoodDir = "last-good"
	beingKept   = ".new"
	keptBefore  = ".old"
)

// LastGood is the directory with the last configuration that ran, or "" if there is none.
func LastGood(stateDir string) string {
	dir := filepath.Join(stateDir, lastGoodDir)
	for _, dir := range []string{dir, dir + keptBefore} { // the process may have ended between two renames
		if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 {
			return dir
		}
	}
	return ""
}

// RememberGood keeps a configuration below its state_dir, in place of the last one: the files as they were when they were read, for by now they may
// be others. It is complete before it replaces the old one.
func RememberGood(cfg *config.Config) error {
	dir := filepath.Join(cfg.Agent.StateDir, lastGoodDir)
	fresh, old := dir+beingKept, dir+keptBefore
	err := os.RemoveAll(fresh)
	if err == nil {
		err = os.MkdirAll(fresh, 0o700)
	}
	for i := 0; err == nil && i < len(cfg.Sources); i++ {
		name := filepath.Base(cfg.Sources[i].Name)
		if len(cfg.Sources) == 1 { // a single file may be called anything; a directory's files may not
			name = singleName(name)
		}
		err = keep(filepath.Join(fresh, name), cfg.Sources[i].Text)
	}
	if err == nil && LastGood(cfg.Agent.StateDir) == dir {
		if err = os.RemoveAll(old); err == nil {
			err = os.Rename(dir, old)
		}
	}
	if err == nil {
		err = os.RemoveAll(dir) // it is empty, if it is there
	}
	if err == nil {
		err = os.Rename(fresh, dir)
	}
	if err != nil {
		return fmt.Errorf("remember the configuration: %w", err)
	}
	return os.RemoveAll(old)
}

// singleName is what a single file is called in a directory, so that it is read as what it is.
func singleName(name string) string {
	if strings.HasSuffix(name, ".json") {
		return "kinetail.hcl.json"
	}
	return "kinetail.hcl"
}

// keep writes a file that outlives a power cut.
func keep(path string, text []byte) (err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := f.Write(text); err != nil {
		return err
	}
	return f.Sync()
}
