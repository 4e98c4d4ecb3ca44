package check

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"sigs.k8s.io/yaml"
)

var update = flag.Bool("update", false, "write the rendered manifests anew")

// kubeVersion is what the chart is rendered for.
const kubeVersion = "1.33"

// tool is the path of a program that make names, such as HELM.
func tool(t *testing.T, variable string) string {
	t.Helper()
	path := os.Getenv(variable)
	if path == "" {
		t.Fatalf("%s is not set: run make deploy-check", variable)
	}
	return path
}

func command(t *testing.T, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, out.String(), errOut.String())
	}
	return out.String()
}

// render is the chart with the values of a file.
func render(t *testing.T, values string) string {
	t.Helper()
	return command(t, tool(t, "HELM"), "template", "kinetail", "../helm/kinetail", "--namespace", "logging", "--kube-version", kubeVersion, "--values", values)
}

func cases(t *testing.T) []string {
	t.Helper()
	all, err := filepath.Glob("values/*.yaml")
	if err != nil || len(all) == 0 {
		t.Fatal("no values", err)
	}
	return all
}

// The plain manifests are what the chart makes, so that whoever uses no Helm has the same.
func TestManifestsAreCurrent(t *testing.T) {
	for _, values := range cases(t) {
		got := "# Made by `make chart` from packaging/helm/kinetail; do not edit.\n" + render(t, values)
		path := filepath.Join("../helm/manifests", filepath.Base(values))
		if *update {
			if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil || string(want) != got {
			t.Errorf("%s is not what the chart makes of %s: run make chart, and look at the difference (%v)", path, values, err)
		}
	}
}

func TestLint(t *testing.T) {
	for _, values := range cases(t) {
		out := command(t, tool(t, "HELM"), "lint", "--strict", "--kube-version", kubeVersion, "../helm/kinetail", "--values", values)
		if strings.Contains(out, "[WARNING]") || strings.Contains(out, "[ERROR]") {
			t.Error(out)
		}
	}
}

// A limit on the processor would throttle an agent that has a backlog to deliver, and gains nothing where requests are set.
func TestScore(t *testing.T) {
	for _, path := range append(manifests(t), examples(t)...) {
		command(t, tool(t, "KUBE_SCORE"), "score", "--ignore-container-cpu-limit", "--kubernetes-version", "v"+kubeVersion, path)
	}
}

func manifests(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, values := range cases(t) {
		all = append(all, filepath.Join("../helm/manifests", filepath.Base(values)))
	}
	return all
}

func examples(t *testing.T) []string {
	t.Helper()
	all, err := filepath.Glob("../helm/examples/*.yaml")
	if err != nil || len(all) == 0 {
		t.Fatal("no examples", err)
	}
	return all
}

func TestWrongValuesAreRefused(t *testing.T) {
	for _, c := range []struct{ set, want string }{
		{"destination.kinesis.stream=", "Where should the logs go?"},
		{"bogus=1", "'bogus' not allowed"},
		{"port=http", "got string, want integer"},
		{"destination.kinesis.stream=a/b", "does not match pattern"},
		{"image.digest=sha256:1", "does not match pattern"},
		{"startAt=middle", "must be one of"},
	} {
		cmd := exec.CommandContext(t.Context(), tool(t, "HELM"), "template", "kinetail", "../helm/kinetail", "--kube-version", kubeVersion, "--values", "values/kinesis.yaml", "--set", c.set)
		out, err := cmd.CombinedOutput()
		if err == nil || !strings.Contains(string(out), c.want) {
			t.Errorf("%s: %v\n%s", c.set, err, out)
		}
	}
}

// objects decodes manifests into the API's types; a field that they don't know is an error.
func objects(t *testing.T, path string) []runtime.Object {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{appsv1.AddToScheme, batchv1.AddToScheme, corev1.AddToScheme, networkingv1.AddToScheme, rbacv1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	decoder := serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDeserializer()
	var all []runtime.Object
	for _, doc := range strings.Split(string(text), "\n---\n") {
		var kind struct{ Kind, APIVersion string }
		if err := yaml.Unmarshal([]byte(doc), &kind); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if kind.Kind == "" || strings.HasPrefix(kind.APIVersion, "monitoring.coreos.com/") { // the operator's own type
			continue
		}
		o, _, err := decoder.Decode([]byte(doc), nil, nil)
		if err != nil {
			t.Errorf("%s: %s: %v", path, kind.Kind, err)
			continue
		}
		all = append(all, o)
	}
	return all
}

func TestManifestsAreWhatTheAPIKnows(t *testing.T) {
	for _, path := range append(manifests(t), examples(t)...) {
		if len(objects(t, path)) == 0 {
			t.Errorf("%s holds nothing", path)
		}
	}
}

// What the DaemonSet promises, whatever the values.
func TestTheDaemonSet(t *testing.T) {
	for _, path := range manifests(t) {
		for _, o := range objects(t, path) {
			ds, ok := o.(*appsv1.DaemonSet)
			if !ok {
				continue
			}
			pod := &ds.Spec.Template.Spec
			c := &pod.Containers[0]
			if pod.HostNetwork || pod.HostPID || pod.HostIPC || *c.SecurityContext.AllowPrivilegeEscalation || !*c.SecurityContext.ReadOnlyRootFilesystem ||
				c.SecurityContext.Capabilities.Drop[0] != "ALL" || len(c.SecurityContext.Capabilities.Add) > 0 || *c.SecurityContext.RunAsUser != 0 {
				t.Errorf("%s: %+v", path, c.SecurityContext)
			}
			if *pod.TerminationGracePeriodSeconds <= 30 || pod.Tolerations[0].Operator != corev1.TolerationOpExists || pod.PriorityClassName != "system-node-critical" {
				t.Errorf("%s: %+v", path, pod)
			}
			if c.LivenessProbe.HTTPGet.Path != "/healthz" || c.ReadinessProbe.HTTPGet.Path != "/readyz" {
				t.Errorf("%s: probes", path)
			}
			for _, m := range c.VolumeMounts {
				if m.MountPath != "/var/lib/kinetail" && !m.ReadOnly {
					t.Errorf("%s: %s can be written", path, m.MountPath)
				}
			}
			if ds.Spec.Template.Annotations["checksum/config"] == "" || ds.Spec.UpdateStrategy.RollingUpdate.MaxSurge.IntValue() != 0 {
				t.Errorf("%s: %+v", path, ds.Spec.UpdateStrategy)
			}
		}
	}
}

// Another configuration is another pod.
func TestTheChecksumFollowsTheConfiguration(t *testing.T) {
	sum := func(set string) string {
		out := command(t, tool(t, "HELM"), "template", "kinetail", "../helm/kinetail", "--kube-version", kubeVersion, "--values", "values/kinesis.yaml", "--set", set)
		_, after, _ := strings.Cut(out, "checksum/config: ")
		line, _, _ := strings.Cut(after, "\n")
		return line
	}
	same, steps, files := sum("port=9464"), sum("steps="), sum("extraFiles.a\\.hcl=locals {}")
	if same == "" || same == steps || same == files {
		t.Errorf("%q %q %q", same, steps, files)
	}
}

// configurations are the files of the ConfigMaps of a manifest, written to a directory each.
func configurations(t *testing.T, path string) []string {
	t.Helper()
	var dirs []string
	for _, o := range objects(t, path) {
		cm, ok := o.(*corev1.ConfigMap)
		if !ok {
			continue
		}
		dir := t.TempDir()
		// As the kubelet mounts it: names are links into a directory that is replaced as a whole.
		if err := os.Mkdir(filepath.Join(dir, "..2026"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink("..2026", filepath.Join(dir, "..data")); err != nil {
			t.Fatal(err)
		}
		for name, text := range cm.Data {
			if err := os.WriteFile(filepath.Join(dir, "..2026", name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(filepath.Join("..data", name), filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
		}
		dirs = append(dirs, dir)
	}
	return dirs
}

func TestConfigurationsAreValid(t *testing.T) {
	n := 0
	for _, path := range append(manifests(t), examples(t)...) {
		for _, dir := range configurations(t, path) {
			command(t, tool(t, "KINETAIL"), "validate", "-c", dir)
			n++
		}
	}
	if n < 5 {
		t.Errorf("only %d configurations", n)
	}
}
