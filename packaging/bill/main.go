// Bill writes what is in a binary: an SBOM in SPDX's JSON, and the licences of the modules of others with their texts. It asks the binary itself, so
// that the bill is of what is shipped.
package main

import (
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

// module is one of others, with what it says of its licence.
type module struct {
	path, version, sum string
	licence            string // SPDX's identifier
	texts              []text
}

type text struct{ name, content string }

func main() {
	binary := flag.String("binary", "", "the binary")
	version := flag.String("version", "", "its version")
	date := flag.Int64("date", 0, "when it was made, in seconds since 1970")
	sbom := flag.String("sbom", "", "`FILE` for the SBOM")
	licences := flag.String("licences", "", "`FILE` for the licences of the modules of others")
	flag.Parse()
	if err := run(*binary, *version, *sbom, *licences, time.Unix(*date, 0).UTC()); err != nil {
		fmt.Fprintln(os.Stderr, "bill:", err)
		os.Exit(1)
	}
}

func run(binary, version, sbom, licences string, date time.Time) error {
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return err
	}
	content, err := os.ReadFile(binary)
	if err != nil {
		return err
	}
	modules, err := modules(info)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(content)
	if sbom != "" {
		b, err := document(filepath.Base(sbom), version, hex.EncodeToString(sum[:]), date, modules)
		if err != nil {
			return err
		}
		if err := os.WriteFile(sbom, b, 0o644); err != nil {
			return err
		}
	}
	if licences == "" {
		return nil
	}
	return os.WriteFile(licences, []byte(listing(modules)), 0o644)
}

// modules are Go's standard library and the modules of others, by path.
func modules(info *debug.BuildInfo) ([]module, error) {
	all := []module{{path: "stdlib", version: strings.TrimPrefix(info.GoVersion, "go")}}
	dirs := map[string]string{"stdlib": runtime.GOROOT()} //nolint:staticcheck // `go run` sets it, and nothing else runs this
	for _, d := range info.Deps {
		if d.Replace != nil {
			d = d.Replace
		}
		out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", d.Path).Output() //nolint:noctx // ends by itself
		if err != nil {
			return nil, fmt.Errorf("find the source of %s: %w", d.Path, err)
		}
		dirs[d.Path] = strings.TrimSpace(string(out))
		all = append(all, module{path: d.Path, version: d.Version, sum: d.Sum})
	}
	for i := range all {
		m := &all[i]
		if err := m.read(dirs[m.path]); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(all, func(a, b module) int { return strings.Compare(a.path, b.path) })
	return all, nil
}

// read takes the licence and the notices from the module's source, or from the repository it is a folder of.
func (m *module) read(dir string) error {
	if dir == "" {
		return fmt.Errorf("the source of %s is not there: run go mod download", m.path)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		name := strings.ToUpper(e.Name())
		isLicence := strings.HasPrefix(name, "LICENSE") || strings.HasPrefix(name, "LICENCE") || strings.HasPrefix(name, "COPYING")
		if e.IsDir() || !isLicence && !strings.HasPrefix(name, "NOTICE") || path.Ext(name) == ".GO" {
			continue
		}
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return err
		}
		m.texts = append(m.texts, text{e.Name(), strings.TrimSpace(string(b)) + "\n"})
		if id := identify(string(b)); isLicence && id != "" && m.licence == "" {
			m.licence = id
		}
	}
	if m.licence == "" {
		return fmt.Errorf("the licence of %s is not understood: look into %s, and teach this program", m.path, dir)
	}
	return nil
}

// identify tells the licences that a binary of ours may contain by words that only they have.
func identify(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	for _, l := range []struct{ id, words string }{
		{"Apache-2.0", "Apache License Version 2.0"},
		{"MPL-2.0", "Mozilla Public License, version 2.0"},
		{"MPL-2.0", "Mozilla Public License Version 2.0"},
		{"BSD-3-Clause", "endorse or promote products derived from"},
		{"BSD-2-Clause", "Redistributions in binary form must reproduce the above copyright notice"},
		{"MIT", "Permission is hereby granted, free of charge, to any person obtaining a copy"},
	} {
		if strings.Contains(text, l.words) {
			return l.id
		}
	}
	return ""
}

// listing names each module and its licence, and then gives each text once.
func listing(modules []module) string {
	var out strings.Builder
	out.WriteString("kinetail contains the following modules of others, in their unchanged form.\n\n")
	users := map[string][]string{}
	var texts []string
	for _, m := range modules {
		fmt.Fprintf(&out, "%s %s: %s\n", m.path, m.version, m.licence)
		for _, t := range m.texts {
			if users[t.content] == nil {
				texts = append(texts, t.content)
			}
			users[t.content] = append(users[t.content], m.path+" ("+t.name+")")
		}
	}
	for _, t := range texts {
		fmt.Fprintf(&out, "\n%s\n%s:\n\n%s", strings.Repeat("=", 80), strings.Join(users[t], ",\n"), t)
	}
	return out.String()
}
