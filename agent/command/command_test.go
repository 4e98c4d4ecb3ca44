package command

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/kinetail/kinetail/agent/demo"
	"github.com/kinetail/kinetail/emit/awslocal"
)

// The test binary is kinetail too: scripts start it as a process of its own, and so does the demo.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"kinetail": func() { os.Exit(Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) },
	})
}

// scriptTimeout is how long a script may wait for something.
const scriptTimeout = 30 * time.Second

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			e.Setenv("AWS_ACCESS_KEY_ID", "test")
			e.Setenv("AWS_SECRET_ACCESS_KEY", "test")
			e.Setenv("AWS_EC2_METADATA_DISABLED", "true")
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"awslocal":   startAWS,
			"await":      await,
			"append":     appendText,
			"status-has": awaitStatus,
			"signal":     signalAgent,
		},
	})
}

// startAWS makes a stream and a delivery stream in an endpoint whose URL is then in $ENDPOINT: awslocal STREAM DELIVERY-STREAM
func startAWS(ts *testscript.TestScript, _ bool, args []string) {
	srv, err := awslocal.New(awslocal.Options{
		Streams:         []awslocal.StreamConfig{{Name: args[0], Shards: 2}},
		DeliveryStreams: []awslocal.DeliveryStreamConfig{{Name: args[1]}},
	})
	ts.Check(err)
	url, err := srv.Start()
	ts.Check(err)
	ts.Defer(func() { _ = srv.Close() })
	ts.Setenv("ENDPOINT", url)
}

// await waits until a file contains a text: await FILE TEXT
func await(ts *testscript.TestScript, _ bool, args []string) {
	var text []byte
	for deadline := time.Now().Add(scriptTimeout); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		text, _ = os.ReadFile(ts.MkAbs(args[0]))
		if strings.Contains(string(text), args[1]) {
			return
		}
	}
	ts.Fatalf("%s does not come to contain %q:\n%s", args[0], args[1], text)
}

// appendText appends a text to a file, which it makes if need be; Go's escapes are understood: append FILE TEXT
func appendText(ts *testscript.TestScript, _ bool, args []string) {
	text, err := strconv.Unquote(`"` + args[1] + `"`)
	ts.Check(err)
	ts.Check(os.MkdirAll(filepath.Dir(ts.MkAbs(args[0])), 0o750))
	f, err := os.OpenFile(ts.MkAbs(args[0]), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	ts.Check(err)
	_, err = f.WriteString(text)
	ts.Check(err)
	ts.Check(f.Close())
}

// awaitStatus waits until the agent's status, as JSON, contains a text: status-has TEXT CONFIG
func awaitStatus(ts *testscript.TestScript, _ bool, args []string) {
	var out []byte
	for deadline := time.Now().Add(scriptTimeout); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		cmd := exec.Command("kinetail", "status", "-o", "json", "-c", ts.MkAbs(args[1]))
		cmd.Env = append(os.Environ(), "WORK="+ts.Getenv("WORK"), "ENDPOINT="+ts.Getenv("ENDPOINT"))
		if out, _ = cmd.CombinedOutput(); strings.Contains(string(out), args[0]) {
			return
		}
	}
	ts.Fatalf("status does not come to contain %q:\n%s", args[0], out)
}

// signalAgent sends a signal to the agent that holds a state directory: signal HUP|TERM|KILL STATE_DIR
func signalAgent(ts *testscript.TestScript, _ bool, args []string) {
	text, err := os.ReadFile(filepath.Join(ts.MkAbs(args[1]), "lock"))
	ts.Check(err)
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	ts.Check(err)
	signals := map[string]syscall.Signal{"HUP": syscall.SIGHUP, "TERM": syscall.SIGTERM, "KILL": syscall.SIGKILL}
	ts.Check(syscall.Kill(pid, signals[args[0]]))
}

func TestDemo(t *testing.T) {
	if testing.Short() {
		t.Skip("takes some seconds")
	}
	var out strings.Builder
	o := demo.Options{
		Lines: 6000, Rate: 3000, Rotations: 3, Faults: demo.AllFaults, Aggregate: "none", Screen: newScreen(&out),
		Binary: kinetailBinary(t),
	}
	v, err := demo.Run(t.Context(), o)
	if err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	if !v.OK() || v.Delivered != 6000 || v.Kills != 1 || v.Rotations != 3 || v.Throttled == 0 || len(v.Metrics) == 0 {
		text, _ := json.MarshalIndent(v, "", "  ")
		t.Errorf("%s\n%s", text, out.String())
	}
}

// kinetailBinary is where testscript has put the program.
func kinetailBinary(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("kinetail")
	if err != nil {
		t.Fatal(err)
	}
	return path
}
