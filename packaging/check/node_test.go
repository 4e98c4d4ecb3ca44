package check

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kinetail/kinetail/emit/awslocal"
	"github.com/kinetail/kinetail/emit/awslocal/readback"
)

// node is a directory that stands for a container's root on a node, and an endpoint.
type node struct {
	t      *testing.T
	root   string
	url    string
	lines  int
	reader *readback.Reader
}

// newNode lays out what the DaemonSet's container sees: the binary, the mounted configuration, logs that are root's alone, and a state directory that is root's.
func newNode(t *testing.T) *node {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("a container's root is made with chroot, which needs root")
	}
	s, err := awslocal.New(awslocal.Options{NoRates: true, Streams: []awslocal.StreamConfig{{Name: "containers", Shards: 2}}})
	if err != nil {
		t.Fatal(err)
	}
	url, err := s.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	n := &node{t: t, root: t.TempDir(), url: url, reader: &readback.Reader{Endpoint: url, MaxRecords: 1 << 20}}
	for dir, mode := range map[string]os.FileMode{"usr/bin": 0o755, "etc": 0o755, "proc": 0o755, "var/lib/kinetail": 0o755, "var/log/pods": 0o755, "var/log/containers": 0o755} {
		n.must(os.MkdirAll(filepath.Join(n.root, dir), mode))
	}
	for dir := n.root; dir != "/" && dir != os.TempDir(); dir = filepath.Dir(dir) {
		n.must(os.Chmod(dir, 0o755)) // for user 10001
	}
	binary, err := os.ReadFile(tool(t, "KINETAIL"))
	n.must(err)
	n.must(os.WriteFile(filepath.Join(n.root, "usr/bin/kinetail"), binary, 0o755))
	n.must(os.CopyFS(filepath.Join(n.root, "etc/kinetail"), os.DirFS(configurations(t, "../helm/manifests/kinesis.yaml")[0])))
	proc := filepath.Join(n.root, "proc")
	if err := unix.Mount("proc", proc, "proc", 0, ""); err != nil {
		t.Skipf("proc cannot be mounted here: %v", err)
	}
	t.Cleanup(func() { n.must(unix.Unmount(proc, unix.MNT_DETACH)) })
	return n
}

func (n *node) must(err error) {
	n.t.Helper()
	if err != nil {
		n.t.Fatal(err)
	}
}

// log appends lines to a container's log as a runtime writes them, root's alone.
func (n *node) log(name string, lines int) {
	n.t.Helper()
	path := filepath.Join(n.root, "var/log/pods", name)
	n.must(os.MkdirAll(filepath.Dir(path), 0o755))
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o640)
	n.must(err)
	var b bytes.Buffer
	for range lines {
		n.lines++
		at := time.Unix(1_700_000_000+int64(n.lines), 0).UTC().Format(time.RFC3339Nano)
		if n.lines%5 == 0 {
			fmt.Fprintf(&b, "%s stdout P line \n%s stdout F %d\n", at, at, n.lines)
		} else {
			fmt.Fprintf(&b, "%s stdout F line %d\n", at, n.lines)
		}
	}
	_, err = f.Write(b.Bytes())
	n.must(err)
	n.must(f.Close())
}

// rotate does what the kubelet does: the log is renamed, the runtime makes another, and the one that was rotated before is compressed.
func (n *node) rotate(name string, at int) {
	n.t.Helper()
	path := filepath.Join(n.root, "var/log/pods", name)
	old, err := filepath.Glob(path + ".*")
	n.must(err)
	n.must(os.Rename(path, fmt.Sprintf("%s.20261125-%06d", path, at)))
	n.must(os.WriteFile(path, nil, 0o640))
	for _, o := range old {
		if strings.HasSuffix(o, ".gz") {
			continue
		}
		text, err := os.ReadFile(o)
		n.must(err)
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		_, err = z.Write(text)
		n.must(err)
		n.must(z.Close())
		n.must(os.WriteFile(o+".tmp", b.Bytes(), 0o640))
		n.must(os.Rename(o+".tmp", o+".gz"))
		n.must(os.Remove(o))
	}
}

// command is kinetail in the container, as a user without any capability.
func (n *node) command(uid uint32, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(n.t.Context(), "/usr/bin/kinetail", args...)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: n.root, Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	cmd.Env = []string{
		"AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "AWS_ENDPOINT_URL=" + n.url, "AWS_EC2_METADATA_DISABLED=true", "NODE_NAME=node-1",
		"KUBERNETES_SERVICE_HOST=10.96.0.1",
	}
	return cmd
}

// start starts cmd from a thread whose bounding set is empty, so that what it starts has no capability, not even as user 0: drop ALL.
func start(cmd *exec.Cmd) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		for c := uintptr(0); c <= unix.CAP_LAST_CAP; c++ {
			_ = unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0)
		}
		done <- cmd.Start()
	}()
	return <-done
}

// run runs kinetail to its end.
func (n *node) run(uid uint32, args ...string) (string, error) {
	cmd := n.command(uid, args...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	n.must(start(cmd))
	err := cmd.Wait()
	return out.String(), err
}

// arrived are the numbers of the lines in the stream, by pod, in order.
func (n *node) arrived() map[string][]int {
	n.t.Helper()
	all := map[string][]int{}
	_, err := n.reader.Read(n.t.Context(), "containers", func(r readback.Record) error {
		var line struct{ Message, Pod, Namespace, Container, Node string }
		if err := json.Unmarshal(r.Data, &line); err != nil {
			return err
		}
		var number int
		if _, err := fmt.Sscanf(line.Message, "line %d", &number); err != nil || line.Node != "node-1" {
			return fmt.Errorf("%q: %w", r.Data, err)
		}
		pod := line.Namespace + "/" + line.Pod + "/" + line.Container
		all[pod] = append(all[pod], number)
		return nil
	})
	n.must(err)
	return all
}

const (
	web   = "shop_web-7d9f_0a1b2c3d-0000-4000-8000-000000000001/nginx/0.log"
	again = "shop_web-7d9f_0a1b2c3d-0000-4000-8000-000000000001/nginx/1.log" // after a restart of the container
	other = "pay_api-0_0a1b2c3d-0000-4000-8000-000000000002/api/0.log"
	own   = "logging_kinetail-x2x4z_0a1b2c3d-0000-4000-8000-000000000003/kinetail/0.log"
)

// The DaemonSet's configuration on a node as the kubelet lays it out, with rotation and compression, as user 0 without a capability.
func TestTheDaemonSetOnANode(t *testing.T) {
	n := newNode(t)
	n.log(web, 10) // lines 1 to 10
	n.log(own, 5)
	n.lines -= 5
	n.log(other, 10) // 11 to 20
	n.must(os.Symlink("/var/log/pods/"+web, filepath.Join(n.root, "var/log/containers/web-7d9f_shop_nginx-0123.log")))

	cmd := n.command(0, "run")
	var log bytes.Buffer
	cmd.Stderr = &log
	n.must(start(cmd))
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	wait := func(what string, pod string, want int) {
		t.Helper()
		for deadline := time.Now().Add(30 * time.Second); len(n.arrived()[pod]) < want; time.Sleep(50 * time.Millisecond) {
			if time.Now().After(deadline) {
				_ = cmd.Process.Kill()
				<-ended
				t.Fatalf("%s: %v\n%s", what, n.arrived(), log.String())
			}
		}
	}
	wait("the first lines", "shop/web-7d9f/nginx", 10)
	wait("the other's", "pay/api-0/api", 10)
	n.log(web, 10)
	n.rotate(web, 1)
	n.log(web, 10)
	n.rotate(web, 2) // the first one is compressed now
	n.log(web, 10)
	n.log(again, 10)
	wait("all", "shop/web-7d9f/nginx", 50)
	n.must(cmd.Process.Signal(syscall.SIGTERM))
	if err := <-ended; err != nil {
		t.Errorf("%v\n%s", err, log.String())
	}

	// While it was away: one more rotation, with compression of what it had not read.
	n.log(web, 10)
	n.rotate(web, 3)
	n.log(web, 10)
	n.rotate(web, 4)
	n.log(web, 10)
	if out, err := n.run(0, "run", "--once"); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	got := n.arrived()
	for pod, numbers := range got {
		// Another file is read beside: there is no order between a container's log and that of its next life.
		numbers = slices.DeleteFunc(slices.Clone(numbers), func(n int) bool { return n > 50 && n <= 60 })
		if !slices.IsSorted(numbers) || len(slices.Compact(slices.Clone(numbers))) != len(numbers) {
			t.Errorf("%s: out of order, or repeated: %v", pod, numbers)
		}
	}
	if len(got) != 2 || len(got["shop/web-7d9f/nginx"]) != 80 || len(got["pay/api-0/api"]) != 10 {
		t.Errorf("%d pods: %v", len(got), got)
	}
}

// User 10001 cannot read the kubelet's logs, and doctor says why and what to do.
func TestTheImagesUserCannotReadTheKubeletsLogs(t *testing.T) {
	n := newNode(t)
	n.log(web, 1)
	if out, err := n.run(0, "doctor"); err != nil {
		t.Errorf("user 0 without a capability can: %v\n%s", err, out)
	}
	out, err := n.run(10001, "doctor")
	for _, want := range []string{
		"user 10001 may not read /var/log/pods/" + web + " (-rw-r----- 0 0)", "run the container as user 0 (securityContext.runAsUser)",
		"user 10001 may not write to /var/lib/kinetail",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q (%v) in\n%s", want, err, out)
		}
	}
	if out, err := n.run(10001, "run", "--once"); err == nil {
		t.Errorf("a run as 10001 succeeds:\n%s", out)
	}
}
