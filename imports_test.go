package kinetail_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
)

const (
	module = "github.com/kinetail/kinetail"
	binary = module + "/agent/cmd/kinetail"
	// fake is the in-process AWS endpoint: a production binary must not be able to talk to itself by mistake, so
	// only the demo and tests link it.
	fake = module + "/emit/awslocal"
)

// rooms from the top of the building down: a package may import its own room and those after it.
var rooms = []string{"agent", "emit", "pipeline", "tailer"}

// fakeUsers may import the fake outside of tests.
var fakeUsers = []string{
	module + "/agent/demo",
	module + "/agent/bench", // a program of its own
}

// vagueNames say nothing about what is inside, and so attract everything.
var vagueNames = []string{"util", "utils", "common", "helper", "helpers", "types", "misc", "shared"}

// linked are the modules of others that the binary may contain. Each has a reason; a module that is not here fails the
// test, and so does one that is here and not linked any more.
var linked = map[string]string{
	"github.com/hashicorp/hcl/v2":                                   "the configuration language",
	"github.com/zclconf/go-cty":                                     "HCL's values and functions",
	"github.com/agext/levenshtein":                                  "of hcl and ours: did you mean",
	"github.com/apparentlymart/go-textseg/v15":                      "of hcl: columns in characters",
	"github.com/apparentlymart/go-textseg/v17":                      "of go-cty: string functions",
	"github.com/mitchellh/go-wordwrap":                              "of hcl: diagnostics",
	"golang.org/x/text":                                             "of go-cty: Unicode normalisation; UTF-16 logs",
	"github.com/aws/aws-sdk-go-v2":                                  "credentials, signing, endpoints",
	"github.com/aws/aws-sdk-go-v2/config":                           "the SDK's configuration chain",
	"github.com/aws/aws-sdk-go-v2/credentials":                      "the SDK's credential sources",
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds":                 "credentials and region on EC2",
	"github.com/aws/aws-sdk-go-v2/service/kinesis":                  "Kinesis Data Streams",
	"github.com/aws/aws-sdk-go-v2/service/sts":                      "assume_role, and who am I",
	"github.com/aws/aws-sdk-go-v2/service/sso":                      "of config: single sign-on",
	"github.com/aws/aws-sdk-go-v2/service/ssooidc":                  "of config: single sign-on",
	"github.com/aws/aws-sdk-go-v2/service/signin":                   "of config: aws login",
	"github.com/aws/aws-sdk-go-v2/internal/configsources":           "of the SDK",
	"github.com/aws/aws-sdk-go-v2/internal/endpoints/v2":            "of the SDK",
	"github.com/aws/aws-sdk-go-v2/internal/v4a":                     "of the SDK",
	"github.com/aws/aws-sdk-go-v2/service/internal/presigned-url":   "of sts",
	"github.com/aws/aws-sdk-go-v2/service/internal/accept-encoding": "of kinesis",
	"github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream":         "of kinesis",
	"github.com/aws/smithy-go":                                      "of the SDK: protocols and errors",
	"github.com/bmatcuk/doublestar/v4":                              "globs that cross directories",
	"github.com/fsnotify/fsnotify":                                  "hints that a directory changed",
	"github.com/nxadm/tail":                                         "named pipes and standard input",
	"gopkg.in/tomb.v1":                                              "of nxadm/tail",
	"github.com/spf13/cobra":                                        "the command line",
	"github.com/spf13/pflag":                                        "of cobra",
	"go.etcd.io/bbolt":                                              "the checkpoint store",
	"golang.org/x/sys":                                              "statx, openat2, flock, terminals",
	"golang.org/x/time":                                             "the pace of run --rate",
	"golang.org/x/term":                                             "is this a terminal, and how wide",
	"github.com/klauspost/compress":                                 "rotated files that were compressed; compressed records",
	"github.com/valyala/fastjson":                                   "Docker's log lines, 17 times faster than encoding/json",
	"github.com/dustin/go-humanize":                                 "byte counts for people",
	"github.com/rogpeppe/go-internal":                               "the diff that fmt -diff prints",
	"github.com/google/go-cmp":                                      "of hcl's hclwrite, which formats configurations",
	"google.golang.org/protobuf":                                    "the frame of aggregated records",
}

// pkg is what `go list -json` says of a package.
type pkg struct {
	ImportPath   string
	Name         string
	Standard     bool
	Module       *struct{ Path string }
	Imports      []string
	TestImports  []string
	XTestImports []string
}

// list runs go list with args and returns the packages.
func list(t *testing.T, args ...string) []pkg {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", append([]string{"list", "-json=ImportPath,Name,Standard,Module,Imports,TestImports,XTestImports"}, args...)...)
	// The binary that is shipped has no cgo, so this is the graph that counts.
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s", cmd.Args, err, &complaints)
	}
	var pkgs []pkg
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return pkgs
		} else if err != nil {
			t.Fatalf("read the output of %v: %v", cmd.Args, err)
		}
		pkgs = append(pkgs, p)
	}
}

// room is the index in rooms of the room that an import path is in, or -1.
func room(importPath string) int {
	rest, ok := strings.CutPrefix(importPath, module+"/")
	if !ok {
		return -1
	}
	top, _, _ := strings.Cut(rest, "/")
	return slices.Index(rooms, top)
}

func isFake(importPath string) bool {
	return importPath == fake || strings.HasPrefix(importPath, fake+"/")
}

func TestImportsRunOneWay(t *testing.T) {
	for _, p := range list(t, "./...") {
		own := room(p.ImportPath)
		if own < 0 {
			continue // tools beside the program
		}
		// What tests import counts too: a test that reaches up would be a knot all the same.
		for _, imp := range slices.Concat(p.Imports, p.TestImports, p.XTestImports) {
			if r := room(imp); r >= 0 && r < own {
				t.Errorf("%s imports %s: imports run %s and never back", p.ImportPath, imp, strings.Join(rooms, " -> "))
			}
			if strings.HasPrefix(imp, module+"/") && room(imp) < 0 {
				t.Errorf("%s imports %s, which is not part of the program", p.ImportPath, imp)
			}
		}
	}
}

func TestFakeEndpointIsLinkedByTheDemoAndTestsOnly(t *testing.T) {
	for _, p := range list(t, "-tags=integration", "./...") {
		if isFake(p.ImportPath) || slices.Contains(fakeUsers, p.ImportPath) {
			continue
		}
		for _, imp := range p.Imports {
			if isFake(imp) {
				t.Errorf("%s imports %s outside of its tests; only %s may", p.ImportPath, imp, strings.Join(fakeUsers, ", "))
			}
		}
	}
}

// The fake endpoint and its reader are what the verdicts of the demo and the tests rest on, so they share no code with what they
// judge: a mistake made once would otherwise agree with itself.
func TestFakeEndpointSharesNothingWithTheProgram(t *testing.T) {
	for _, p := range list(t, fake+"/...") {
		for _, imp := range p.Imports {
			if strings.HasPrefix(imp, module+"/") && !isFake(imp) {
				t.Errorf("%s imports %s, which it is there to judge", p.ImportPath, imp)
			}
		}
	}
}

func TestPackageNamesSaySomething(t *testing.T) {
	for _, p := range list(t, "./...") {
		for _, name := range []string{p.Name, path.Base(p.ImportPath)} {
			if slices.Contains(vagueNames, name) {
				t.Errorf("%s: a package named %q says nothing about what it is for", p.ImportPath, name)
			}
		}
	}
}

func TestLinkedModules(t *testing.T) {
	got := map[string]string{} // module -> a package that brought it
	for _, p := range list(t, "-deps", binary) {
		if p.Standard || p.Module == nil || p.Module.Path == module {
			continue
		}
		got[p.Module.Path] = p.ImportPath
	}
	for m, by := range got {
		if linked[m] == "" {
			t.Errorf("the binary links %s (for %s), which is not on the list in this test; if it is worth its bytes and its upkeep, add it with the reason", m, by)
		}
	}
	for m := range linked {
		if got[m] == "" {
			t.Errorf("%s is on the list in this test and not linked any more; remove it from the list and from go.mod", m)
		}
	}
}
