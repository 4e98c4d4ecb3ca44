//go:build packaging

package trial

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What is read of the OCI image specification.
type (
	descriptor struct {
		MediaType string
		Digest    string
		Platform  struct{ Architecture, OS string }
	}
	index    struct{ Manifests []descriptor }
	manifest struct {
		Config descriptor
		Layers []descriptor
	}
	imageConfig struct {
		Architecture, OS, Created string
		Config                    struct {
			User, WorkingDir string
			Env              []string
			Entrypoint, Cmd  []string
			Labels           map[string]string
			Volumes          map[string]any
		}
	}
)

// layout is an OCI image layout, unpacked.
type layout struct {
	t   *testing.T
	dir string
}

func (l layout) blob(digest string) string {
	return filepath.Join(l.dir, "blobs", strings.ReplaceAll(digest, ":", "/"))
}

func (l layout) read(file string, into any) {
	l.t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		l.t.Fatal(err)
	}
	if err := json.Unmarshal(b, into); err != nil {
		l.t.Fatalf("%s: %v", file, err)
	}
}

// image is the manifest, the configuration and the unpacked root of one architecture.
func (l layout) image(arch string) (imageConfig, string) {
	l.t.Helper()
	var top, all index
	l.read(filepath.Join(l.dir, "index.json"), &top)
	if len(top.Manifests) != 1 {
		l.t.Fatalf("%d images in the layout", len(top.Manifests))
	}
	l.read(l.blob(top.Manifests[0].Digest), &all)
	for _, d := range all.Manifests {
		if d.Platform.Architecture != arch || d.Platform.OS != "linux" {
			continue
		}
		var m manifest
		var c imageConfig
		l.read(l.blob(d.Digest), &m)
		l.read(l.blob(m.Config.Digest), &c)
		root := l.t.TempDir()
		if err := os.Chmod(root, 0o755); err != nil {
			l.t.Fatal(err)
		}
		for _, layer := range m.Layers {
			sh(l.t, "tar", "-xpzf", l.blob(layer.Digest), "-C", root)
		}
		return c, root
	}
	l.t.Fatalf("no image for %s: %+v", arch, all)
	return imageConfig{}, ""
}

func TestImage(t *testing.T) {
	l := layout{t, t.TempDir()}
	sh(t, "tar", "-xf", one(t, built.newer, "*_image.tar"), "-C", l.dir)
	var files []string
	for _, arch := range []string{"amd64", "arm64"} {
		c, root := l.image(arch)
		if c.Architecture != arch || c.OS != "linux" || c.Config.User != "10001:10001" || len(c.Config.Volumes) > 0 {
			t.Errorf("%s: %+v", arch, c)
		}
		if got := fmt.Sprint(c.Config.Entrypoint, c.Config.Cmd); got != "[/usr/bin/kinetail] [run]" {
			t.Errorf("%s: it starts %s", arch, got)
		}
		labels := c.Config.Labels
		for _, name := range []string{"title", "description", "url", "source", "documentation", "licenses", "vendor", "version", "revision", "created"} {
			if labels["org.opencontainers.image."+name] == "" {
				t.Errorf("%s: the label %s is missing", arch, name)
			}
		}
		if got := labels["org.opencontainers.image.version"]; got != newer {
			t.Errorf("%s: version %s", arch, got)
		}
		list := sh(t, "sh", "-c", "cd "+root+" && find . -printf '%P %M %U:%G\\n' | sort")
		files = append(files, list)
		has(t, list, "etc/ssl/certs/ca-certificates.crt -rw-r--r-- 0:0", "usr/bin/kinetail -rwxr-xr-x 0:0", "var/lib/kinetail drwx------ 10001:10001", "etc/kinetail drwxr-xr-x 0:0")
		if arch == hostArch {
			runImage(t, root, c)
		}
	}
	if diff := cmp.Diff(files[0], files[1]); diff != "" {
		t.Errorf("the architectures differ in more than the program:\n%s", diff)
	}
	t.Logf("the image's files:\n%s", files[0])
}

// runImage starts what the image starts, as its user, with its root read-only and nothing of this machine in it but a log, a configuration and a
// place for the state: the program needs no more.
func runImage(t *testing.T, root string, c imageConfig) {
	t.Helper()
	for _, dir := range []string{"var/log/app", "etc/kinetail", "proc"} { // every runtime has /proc
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(root, "var/log/app/app.log"), "one\ntwo\nthree\n", 0o644)
	write(t, filepath.Join(root, "etc/kinetail/app.hcl"), "flow \"app\" {\n  tail {\n    paths = [\"/var/log/app/app.log\"]\n  }\n  emit \"stdout\" {\n  }\n}\n", 0o644)
	state := t.TempDir()
	if err := os.Chown(state, 10001, 10001); err != nil {
		t.Fatal(err)
	}
	inside := func(command ...string) (string, int) {
		script := `set -e
mount --make-rprivate /
mount --bind "$1" "$1"
mount --bind "$2" "$1/var/lib/kinetail"
mount -t proc proc "$1/proc"
mount -o remount,bind,ro "$1"
shift 2
exec "$@"`
		args := append([]string{"-m", "sh", "-c", script, "sh", root, state, "chroot", "--userspec=10001:10001", root}, command...)
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		cmd := exec.CommandContext(ctx, "unshare", args...)
		cmd.Env = c.Config.Env
		out, err := cmd.CombinedOutput()
		if err != nil {
			return string(out) + err.Error(), 1
		}
		return string(out), 0
	}
	out, code := inside(slices.Concat(c.Config.Entrypoint, c.Config.Cmd, []string{"--once"})...)
	if code != 0 {
		t.Errorf("it does not run: %s", out)
	}
	has(t, out, "one\n", "two\n", "three\n")
	if out, code = inside("/usr/bin/kinetail", "offsets", "list"); code != 0 || !strings.Contains(out, "app.log") {
		t.Errorf("no position is remembered: %s", out)
	}
	if out, _ = inside("/usr/bin/kinetail", "version"); !strings.Contains(out, newer) {
		t.Errorf("version: %s", out)
	}
}

// The Dockerfile needs no root and no network: an unprivileged user builds it with buildah.
func TestImageWithoutRoot(t *testing.T) {
	const user = "kinetail-check"
	if _, code := try(t, "id", user); code != 0 {
		sh(t, "useradd", "--no-create-home", "--home-dir", "/nonexistent", "--shell", "/usr/sbin/nologin", user)
		t.Cleanup(func() {
			if out, err := exec.Command("userdel", user).CombinedOutput(); err != nil {
				t.Errorf("userdel: %v: %s", err, out)
			}
		})
	}
	if subuid, err := os.ReadFile("/etc/subuid"); err != nil || !strings.Contains(string(subuid), user+":") {
		t.Skipf("SKIPPED: the user has no subordinate ids here, so the image was NOT built without root: %v", err)
	}
	home := filepath.Join(t.TempDir(), "home")
	sh(t, "cp", "-R", filepath.Join(built.newer, "stage/image"), home)
	sh(t, "cp", filepath.Join(repository, "packaging/image/Dockerfile"), home)
	sh(t, "chown", "-R", user, home)
	for _, dir := range []string{home, filepath.Dir(home), filepath.Dir(filepath.Dir(home))} { // testing makes them for root alone
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	out := sh(t, "unshare", "--net", "setpriv", "--reuid", user, "--regid", user, "--clear-groups", "env", "-i", "HOME="+home, "XDG_RUNTIME_DIR="+home+"/run", "TMPDIR="+home,
		"PATH=/usr/bin:/bin:/usr/sbin:/sbin", "buildah", "--root", home+"/storage", "--runroot", home+"/run", "--storage-driver", "vfs",
		"bud", "--isolation", "chroot", "--platform", "linux/"+hostArch, "-t", "kinetail", home)
	has(t, out, "Successfully tagged")
	// Files of subordinate users are for the user's own namespace to remove.
	sh(t, "rm", "-rf", home)
}
