package expr

import (
	"strings"

	"github.com/kinetail/kinetail/pipeline/record"
)

// pod is what the path of a container's log says of it, with no permission at all: the kubelet names the files.
type pod struct{ namespace, name, container, uid, restart, containerID string }

var podAttributes = map[string]func(*pod) string{
	"namespace":    func(p *pod) string { return p.namespace },
	"pod":          func(p *pod) string { return p.name },
	"container":    func(p *pod) string { return p.container },
	"uid":          func(p *pod) string { return p.uid },
	"restart":      func(p *pod) string { return p.restart },
	"container_id": func(p *pod) string { return p.containerID },
}

// podOf reads the paths that the kubelet makes:
//
//	/var/log/pods/NAMESPACE_POD_UID/CONTAINER/RESTART.log
//	/var/log/containers/POD_NAMESPACE_CONTAINER-ID.log
//
// None of the names can hold an underscore. Other paths say nothing.
func podOf(path string) (p pod) {
	dir, file := "", path
	if i := strings.LastIndexByte(path, '/'); i >= 0 {
		dir, file = path[:i], path[i+1:]
	}
	file, _, _ = strings.Cut(file, ".log")
	if strings.HasSuffix(dir, "/containers") {
		parts := strings.Split(file, "_")
		dash := strings.LastIndexByte(file, '-')
		if len(parts) != 3 || dash < len(parts[0])+len(parts[1])+2 {
			return p
		}
		p.name, p.namespace, p.containerID = parts[0], parts[1], file[dash+1:]
		p.container = strings.TrimSuffix(parts[2], file[dash:])
		return p
	}
	up := strings.Split(dir, "/")
	if len(up) < 3 || up[len(up)-3] != "pods" {
		return p
	}
	parts := strings.Split(up[len(up)-2], "_")
	if len(parts) != 3 {
		return p
	}
	p.namespace, p.name, p.uid = parts[0], parts[1], parts[2]
	p.container, p.restart = up[len(up)-1], file
	return p
}

// podAttribute is a part of the path; null where the path does not say it.
func podAttribute(get func(*pod) string) func(*Env) record.Value {
	return func(env *Env) record.Value {
		if s := get(env.podOfPath()); s != "" {
			return record.Of(s)
		}
		return record.Value{}
	}
}

// podOfPath is what the path says. The last path is remembered.
func (env *Env) podOfPath() *pod {
	if env.podPath != env.Path {
		env.pod, env.podPath = podOf(env.Path), env.Path
	}
	return &env.pod
}

// Pods tells what is known of the pods of this node besides their names. Safe for concurrent use.
type Pods interface {
	// Pod tells of a pod; uid is empty where it is not known. Where the pod is not known yet it may wait a little. The values never change.
	Pod(namespace, name, uid string) PodMeta
	// Version grows whenever Pod may say something else than before.
	Version() uint64
}

// PodMeta is what is known of a pod; null where nothing is.
type PodMeta struct{ Labels, Annotations record.Value }

// podMeta is a part of what pods says of the pod that the path names. It is asked again only when the path or its version changes.
func podMeta(pods Pods, get func(*PodMeta) record.Value) func(*Env) record.Value {
	if pods == nil {
		return func(*Env) record.Value { return record.Value{} }
	}
	return func(env *Env) record.Value {
		if v := pods.Version(); env.metaPath != env.Path || env.metaVersion != v {
			env.meta, env.metaPath, env.metaVersion = PodMeta{}, env.Path, v
			if p := env.podOfPath(); p.name != "" {
				env.meta = pods.Pod(p.namespace, p.name, p.uid)
			}
		}
		return get(&env.meta)
	}
}

// MachineNames are the names of what the surroundings of the process tell, if they do: Scope.Roots. Else they are null.
func MachineNames() map[string][]string {
	return map[string][]string{
		"ec2": {"account_id", "availability_zone", "image_id", "instance_id", "instance_type", "private_ip", "region", "tags"},
		"ecs": {
			"availability_zone", "cluster", "container", "container_arn", "family", "image", "launch_type", "revision", "service", "task_arn", "task_id",
		},
	}
}
