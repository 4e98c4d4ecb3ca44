package doctor

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/kinetail/kinetail/agent/config"
	"github.com/kinetail/kinetail/agent/status"
)

// doctor is one examination.
type doctor struct {
	*Report
	cfg     *config.Config
	version string
	control string
	who     who
	host    host
	agent   *status.Snapshot // nil where none runs or none answers
}

// Run makes all checks as the user that this process is, and hands the findings to r. Each question to the network has a time limit of its own.
// control is the address of the agent's control socket.
func Run(ctx context.Context, cfg *config.Config, version, control string, r *Report) {
	d := &doctor{Report: r, cfg: cfg, version: version, control: control, who: self(), host: thisHost()}
	d.running(ctx)
	d.add("user", OK, "", "what follows was tried as %s%s", d.who, map[bool]string{true: ", which may read every file"}[d.who.readAll])
	d.files()
	d.state()
	d.destinations(ctx)
	d.limits()
}

// file looks at where a file destination writes.
func (d *doctor) file(area, path string) {
	err := unix.Faccessat(unix.AT_FDCWD, path, unix.W_OK, unix.AT_EACCESS)
	if errors.Is(err, fs.ErrNotExist) {
		dir := filepath.Dir(path)
		if _, err := os.Stat(dir); err != nil {
			d.add(area, Problem, "mkdir -p "+dir, "%s cannot be made: %v", path, err)
			return
		}
		err = unix.Faccessat(unix.AT_FDCWD, dir, unix.W_OK|unix.X_OK, unix.AT_EACCESS)
		path = dir
		if err == nil {
			d.add(area, OK, "", "the file can be made in %s", dir)
			return
		}
	}
	if err != nil {
		d.add(area, Problem, "", "%s may not write to %s: %v", d.who, path, err)
		return
	}
	d.add(area, OK, "", "%s can be written", path)
}
