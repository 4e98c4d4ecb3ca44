//go:build integration

package integration

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"
)

// TestNginx is the main job: a log written by nginx under load and rotated by logrotate reaches a stream.
func TestNginx(t *testing.T) {
	const (
		loadFor  = 10 * time.Second
		rotateIn = 700 * time.Millisecond
	)
	modes := []struct {
		name string
		mode func(*nginx) string
	}{
		{"create", func(n *nginx) string { return create("kill -USR1 $(cat " + n.pid + ")") }},
		{"copytruncate", func(*nginx) string { return copytruncate }},
	}
	for _, m := range modes {
		for _, crash := range []bool{false, true} {
			name := m.name + "/terminated"
			if crash {
				name = m.name + "/killed"
			}
			t.Run(name, func(t *testing.T) {
				dir := t.TempDir()
				server := startKinesisLocal(t, dir)
				n := startNginx(t, dir)
				rotator := newLogrotate(t, dir, n.access, m.mode(n))
				k := startKinetail(t, dir, kinesisConfig(server, n.access))

				load := n.load(t, dir, loadFor)
				deaths := 0
				for i := 1; load.running(); i++ {
					if load.waited(rotateIn) {
						break
					}
					rotator.rotate()
					switch {
					case crash && i%3 == 0:
						k.crash()
						deaths++
					case !crash && i == 7:
						k.restart()
						deaths++
					}
				}
				if load.err != nil {
					t.Fatalf("wrk: %v\n%s", load.err, tail(load.output, 10))
				}
				n.proc.stop(10 * time.Second) // so that both logs are complete
				t.Logf("%d rotations, %d times stopped and started", rotator.rotations, deaths)
				if rotator.rotations < 5 || deaths == 0 {
					t.Fatal("too little happened for this to show anything")
				}

				written, bodies := lines(t, n.truth), lines(t, n.access+"*")
				settle(t, server, written, bodies)
				k.stop()
				arrived := server.read() // what was sent while stopping counts too
				v := judge(t, written, bodies, arrived)
				v.check(t, m.name == "copytruncate")
				if !crash && v.repeated > 0 {
					t.Errorf("%d records arrived more than once, though nothing crashed", v.repeated)
				}

				// The offsets say that all of it was delivered: another life has nothing to send.
				k.start()
				time.Sleep(2 * time.Second) // long enough for a scan, max_wait and a request
				k.stop()
				if again := len(server.read()) - len(arrived); again != 0 {
					t.Errorf("started again after everything was delivered, kinetail sent %d records", again)
				}
			})
		}
	}
}

func kinesisConfig(server *server, path string) string {
	return fmt.Sprintf(`
aws {
  region   = %q
  endpoint = %q
}
metrics "cloudwatch" { enabled = false }
flow "web" {
  tail {
    paths    = [%q]
    start_at = "beginning"
  }
  emit "kinesis" { stream = %q }
}
`, region, server.endpoint, filepath.ToSlash(path), stream)
}

// settle reads the stream until every line has arrived, or nothing has for a while.
func settle(t *testing.T, server *server, written, bodies []string) {
	t.Helper()
	const patience = 15 * time.Second
	before, since := -1, time.Now()
	for {
		arrived := server.read()
		if len(arrived) != before {
			before, since = len(arrived), time.Now()
		}
		v := judge(t, written, bodies, arrived)
		if len(v.lost) == 0 || time.Since(since) > patience {
			return
		}
		time.Sleep(200 * time.Millisecond)
	}
}
