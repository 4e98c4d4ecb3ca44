package command

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"

	"github.com/kinetail/kinetail/agent/config"
	"github.com/kinetail/kinetail/agent/doctor"
	"github.com/kinetail/kinetail/agent/status"
)

// askTimeout bounds each program that is asked for a support archive, and maxAttachment what it may answer, in bytes.
const (
	askTimeout    = 10 * time.Second
	maxAttachment = 4 << 20
)

func writeBundle(ctx context.Context, f *doctorFlags, r *doctor.Report) error {
	var text bytes.Buffer
	p := doctor.Printer{W: &text}
	for _, x := range r.Findings {
		p.Print(x)
	}
	findings, _ := json.MarshalIndent(r.Findings, "", "  ")
	all := []doctor.Attachment{
		{Name: "doctor.txt", Data: text.Bytes()},
		{Name: "doctor.json", Data: findings},
		{Name: "version.txt", Data: fmt.Appendf(nil, "kinetail %s, commit %s of %s, %s %s/%s\n", Version, Commit, Date, runtime.Version(), runtime.GOOS, runtime.GOARCH)},
	}
	for _, path := range config.Files(f.path) {
		data, err := os.ReadFile(path)
		if err != nil {
			data = []byte(err.Error())
		}
		all = append(all, doctor.Attachment{Name: "config/" + filepath.Base(path), Data: data})
	}
	if f.control != "" {
		if s, err := status.Get(ctx, f.control); err == nil {
			data, _ := json.MarshalIndent(s, "", "  ")
			all = append(all, doctor.Attachment{Name: "status.json", Data: data})
		}
	}
	for _, path := range []string{
		"/etc/os-release", "/proc/version", "/proc/self/limits", "/proc/self/mountinfo", "/proc/meminfo",
		"/proc/sys/fs/inotify/max_user_watches", "/proc/sys/fs/inotify/max_user_instances",
	} {
		if data, err := os.ReadFile(path); err == nil {
			all = append(all, doctor.Attachment{Name: "system/" + filepath.Base(path), Data: data})
		}
	}
	for name, args := range map[string][]string{
		"unit.txt":    {"systemctl", "cat", "--no-pager", "kinetail.service"},
		"service.txt": {"systemctl", "status", "--no-pager", "--full", "kinetail.service"},
		"journal.txt": {"journalctl", "--no-pager", "--unit", "kinetail.service", "--lines", "1000"},
	} {
		if data := answerOf(ctx, args); data != nil {
			all = append(all, doctor.Attachment{Name: name, Data: data})
		}
	}
	file, err := os.OpenFile(f.bundle, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("write the support archive: %w", err)
	}
	now := time.Now()
	if err := doctor.WriteBundle(file, bundleName(now), now, all); err != nil {
		_ = file.Close()
		return fmt.Errorf("write the support archive %s: %w", f.bundle, err)
	}
	return file.Close()
}

// answerOf is what a program prints; nil where it is not there.
func answerOf(ctx context.Context, args []string) []byte {
	if _, err := exec.LookPath(args[0]); err != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	data, _ := exec.CommandContext(ctx, args[0], args[1:]...).CombinedOutput()
	return data[max(0, len(data)-maxAttachment):]
}
