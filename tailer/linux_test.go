package tailer

import "golang.org/x/sys/unix"

func mkfifo(path string) error { return unix.Mkfifo(path, 0o644) }

// setUser changes for this thread whose rights decide about files.
func setUser(uid int) error {
	_, err := unix.SetfsuidRetUid(uid)
	return err
}
