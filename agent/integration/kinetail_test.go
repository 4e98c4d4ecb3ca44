//go:build integration

package integration

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"
)

func kinetailBinary() string { return fromRoot("bin/kinetail") }

// kinetail is the real binary with one configuration and one state directory, over several lives.
type kinetail struct {
	t     *testing.T
	dir   string
	life  *process
	lives int
}

// startKinetail starts the binary with a configuration, to which it adds the agent block.
func startKinetail(t *testing.T, dir, config string) *kinetail {
	t.Helper()
	config = fmt.Sprintf("agent {\n  state_dir = %q\n  listen    = \"off\"\n}\n", filepath.Join(dir, "state")) + config
	write(t, filepath.Join(dir, "kinetail.hcl"), config)
	k := &kinetail{t: t, dir: dir}
	k.start()
	return k
}

func (k *kinetail) start() {
	k.t.Helper()
	k.lives++
	k.life = start(k.t, k.dir, fmt.Sprintf("kinetail-%d", k.lives), []string{
		"AWS_ACCESS_KEY_ID=AKIDINTEGRATION", "AWS_SECRET_ACCESS_KEY=secret", "AWS_EC2_METADATA_DISABLED=true",
		"HOME=" + k.dir, "AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null",
	}, kinetailBinary(), "run", "-c", filepath.Join(k.dir, "kinetail.hcl"))
}

// crash is kill -9 and a new start.
func (k *kinetail) crash() {
	k.t.Helper()
	k.checkAlive()
	k.life.kill()
	k.start()
}

// restart is SIGTERM and a new start.
func (k *kinetail) restart() {
	k.t.Helper()
	k.stop()
	k.start()
}

// stop is SIGTERM; shutdown_timeout is 20 s by default.
func (k *kinetail) stop() {
	k.t.Helper()
	k.checkAlive()
	k.life.stop(25 * time.Second)
}

func (k *kinetail) checkAlive() {
	k.t.Helper()
	if !k.life.running() {
		k.t.Fatalf("kinetail ended by itself: %v", k.life.err)
	}
}
