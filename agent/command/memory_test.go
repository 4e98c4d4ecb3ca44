package command

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/kinetail/kinetail/emit/awslocal"
)

// The promise of invariant 6, in KiB: the default memory_limit and 32 MiB.
const promisedKiB = (64 + 32) << 10

// The program, as it is released, keeps within memory_limit and 32 MiB at full speed: with bodies of many requests in flight at a slow
// endpoint, with many destinations, and with one whose endpoint takes requests and says nothing.
func TestMemoryStaysWithinItsLimit(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the program and sends some hundred megabytes")
	}
	binary := filepath.Join(t.TempDir(), "kinetail")
	build := exec.Command("go", "build", "-o", binary, "../cmd/kinetail")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	kinesis := func(name, more string) string {
		return fmt.Sprintf("emit \"kinesis\" {\nname = %q\nstream = \"s\"\nshard_rate_limit = \"off\"\n%s\n}\n", name, more)
	}
	firehose := func(name string) string {
		return fmt.Sprintf("emit \"firehose\" {\nname = %q\nstream = \"d\"\naggregate = \"lines\"\ndelimiter = \"\\n\"\n}\n", name)
	}
	slow := awslocal.Fault{Kind: awslocal.Latency, Delay: 200 * time.Millisecond}
	for _, c := range []struct {
		name  string
		emits string
		size  int64 // of the log, where it is not 50 MiB
		fault []awslocal.Fault
	}{
		{name: "records one by one", emits: kinesis("a", "")},
		{name: "kpl", emits: kinesis("a", `aggregate = "kpl"`)},
		{
			name: "64 requests in flight", fault: []awslocal.Fault{slow},
			emits: kinesis("a", "aggregate = \"kpl\"\nmax_requests = 64"),
		},
		{
			name: "five destinations", fault: []awslocal.Fault{slow}, size: 20 << 20, // each of them gets all of it
			emits: kinesis("a", `aggregate = "kpl"`) + kinesis("b", `aggregate = "lines"`) + kinesis("c", "") + firehose("d") + firehose("e"),
		},
		{
			name: "a dead one beside one that lives", emits: kinesis("a", `aggregate = "kpl"`) + firehose("b"),
			fault: []awslocal.Fault{{Kind: awslocal.Latency, Service: "firehose", Delay: time.Second, Times: 16}},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			srv, err := awslocal.New(awslocal.Options{
				NoRates: true, Discard: true,
				Streams:         []awslocal.StreamConfig{{Name: "s", Shards: 4}},
				DeliveryStreams: []awslocal.DeliveryStreamConfig{{Name: "d"}},
			})
			if err != nil {
				t.Fatal(err)
			}
			url, err := srv.Start()
			if err != nil {
				t.Fatal(err)
			}
			defer srv.Close()
			srv.SetFaults(c.fault...)
			dir := t.TempDir()
			writeLines(t, filepath.Join(dir, "a.log"), cmp.Or(c.size, 50<<20))
			config := fmt.Sprintf("agent {\nstate_dir = %q\n}\naws {\nregion = \"us-east-1\"\nendpoint = %q\n}\nflow \"f\" {\ntail {\npaths = [%q]\n}\n%s}\n",
				filepath.Join(dir, "state"), url, filepath.Join(dir, "a.log"), c.emits)
			if err := os.WriteFile(filepath.Join(dir, "k.hcl"), []byte(config), 0o600); err != nil {
				t.Fatal(err)
			}
			peak, log, err := peakMemory(t, binary, "run", "--once", "-c", filepath.Join(dir, "k.hcl"))
			if err != nil {
				t.Fatalf("%v\n%s", err, log)
			}
			t.Logf("%d MiB", peak>>10)
			if peak > promisedKiB {
				t.Errorf("it took %d MiB, %d are promised\n%s", peak>>10, promisedKiB>>10, log)
			}
		})
	}
}

// writeLines fills a file with lines of 260 bytes.
func writeLines(t *testing.T, path string, size int64) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	block := bytes.Repeat([]byte(strings.Repeat("0123456789abcdef ", 16)[:259]+"\n"), 4096)
	for n := int64(0); n < size; n += int64(len(block)) {
		if _, err := io.Copy(f, bytes.NewReader(block)); err != nil {
			t.Fatal(err)
		}
	}
}

// peakMemory runs a command and says how much memory it had at most, in KiB. What getrusage says would not do: it counts what the parent
// had when it forked.
func peakMemory(t *testing.T, argv ...string) (peak int64, log string, err error) {
	t.Helper()
	var out bytes.Buffer
	cmd := exec.CommandContext(t.Context(), argv[0], argv[1:]...)
	cmd.Env = append(os.Environ(), "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "AWS_EC2_METADATA_DISABLED=true")
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		return 0, "", err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	tick := time.NewTicker(2 * time.Millisecond) // the kernel keeps the peak: what is missed is what comes in the last two
	defer tick.Stop()
	for {
		select {
		case err := <-ended:
			return peak, out.String(), err
		case <-tick.C:
			peak = max(peak, highWater(cmd.Process.Pid))
		}
	}
}

// highWater is VmHWM of a process in KiB, zero if it has gone.
func highWater(pid int) int64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	_, after, _ := strings.Cut(string(text), "VmHWM:")
	n, _ := strconv.ParseInt(strings.TrimSpace(strings.SplitN(after, "kB", 2)[0]), 10, 64)
	return n
}
