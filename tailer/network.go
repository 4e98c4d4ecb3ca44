package tailer

import "golang.org/x/sys/unix"

// networkFileSystems are those where others write too, by the number that statfs has for them (statfs(2), linux/magic.h and the
// kernel's sources): events tell of this machine's writes only, so nothing is left to them. FUSE may be local, and is not known to be.
var networkFileSystems = map[int64]string{
	0x6969:     "nfs",
	0x517b:     "smb",
	0xff534d42: "cifs",
	0xfe534d42: "smb2",
	0x65735546: "fuse",
	0x01021997: "9p",
	0x00c36400: "ceph",
	0x5346414f: "afs",
	0x6b414653: "kafs",
	0x73757245: "coda",
	0x0bd00bd0: "lustre",
	0x47504653: "gpfs",
	0x01161970: "gfs2",
	0x7461636f: "ocfs2",
	0x786f4256: "vboxsf",
	0xbacbacbc: "vmhgfs",
	0x19830326: "beegfs",
	0xaad7aaea: "panfs",
	0x013111a8: "ibrix",
}

// networked is the name of the network file system that dir is on; "" when it is on none, or cannot be asked.
var networked = func(dir string) string {
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil {
		return ""
	}
	return networkFileSystems[int64(fs.Type)&0xffffffff] //nolint:unconvert // elsewhere it is no int64, and signed
}
