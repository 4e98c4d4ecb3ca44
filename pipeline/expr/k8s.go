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

// podAttribute is a part of the path; null where the path does not say it. The last path is remembered.
func podAttribute(get func(*pod) string) func(*Env) record.Value {
	return func(env *Env) record.Value {
		if env.podPath != env.Path {
			env.pod, env.podPath = podOf(env.Path), env.Path
		}
		if s := get(&env.pod); s != "" {
			return record.Of(s)
		}
		return record.Value{}
	}
}
