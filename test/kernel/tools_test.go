package kernel

import (
	"strings"
	"testing"
	"time"
)

// testTools lets programs that others have made for trying file systems loose on a mount.
func testTools(t *testing.T, one guest) {
	startFiler(t, "2049", folder(t, "cache"), posixOrigin(folder(t, "nas")))
	one.mount(t, "2049", "/mnt/nas")
	t.Run("fio", func(t *testing.T) { testFio(t, one) })
	if !whole() {
		return
	}
	t.Run("dbench", func(t *testing.T) {
		one.sh(t, time.Minute, "busybox mkdir /mnt/nas/dbench")
		out := one.do(t, 10*time.Minute, "dbench", "-D", "/mnt/nas/dbench", "-c", "/usr/share/dbench/client.txt", "-t", "60", "4")
		if !strings.Contains(out, "Throughput") || strings.Contains(out, "ERROR") {
			t.Errorf("dbench:\n%s", tail(out, 30))
		}
		t.Log(tail(out, 25))
	})
	for _, stressor := range stressors {
		t.Run("stress-ng/"+stressor, func(t *testing.T) {
			one.sh(t, time.Minute, "busybox mkdir -p /mnt/nas/stress")
			out := one.do(t, 5*time.Minute, "stress-ng", "--"+stressor, "2", "--timeout", "10s", "--verify", "--temp-path", "/mnt/nas/stress", "--metrics-brief")
			if !strings.Contains(out, "successful run completed") {
				t.Errorf("stress-ng:\n%s", tail(out, 30))
			}
		})
	}
}

// stressors of stress-ng are those that work through file systems. Left out are those about something else that happens to
// use files, and those for what NFSv3 has not: locks (mounted with nolock), extended attributes, leases, quotas, ioctls.
var stressors = []string{
	"access", "chdir", "chmod", "chown", "copy-file", "dentry", "dir", "dirdeep", "dirmany", "dnotify", "fallocate", "fault",
	"fiemap", "filename", "fpunch", "fsize", "fstat", "getdent", "hdd", "inotify", "iomix", "link", "mknod", "open", "rename",
	"revio", "seek", "sendfile", "splice", "symlink", "sync-file", "touch", "utime",
}

// testFio writes at random places and reads it back, each block with a checksum, in the ways that programs use: write(2),
// memory mapped, and past the client's cache.
func testFio(t *testing.T, on guest) {
	size, engines := "8m", map[string][]string{"psync": nil}
	if whole() {
		size = "256m"
		engines["mmap"] = []string{"--ioengine=mmap"}
		engines["direct"] = []string{"--direct=1", "--numjobs=2"}
		engines["libaio"] = []string{"--ioengine=libaio", "--direct=1", "--iodepth=16"}
		engines["sequential"] = []string{"--rw=write", "--bs=1m"}
	}
	for name, more := range engines {
		args := append([]string{
			"fio", "--name=" + name, "--directory=/mnt/nas", "--size=" + size, "--rw=randwrite", "--bsrange=4k-128k", "--ioengine=psync",
			"--verify=crc32c", "--verify_fatal=1", "--do_verify=1", "--end_fsync=1", "--fallocate=none", "--randseed=7", "--thread", "--minimal",
		}, more...)
		on.do(t, 9*time.Minute, args...)
	}
	on.sh(t, time.Minute, "busybox rm /mnt/nas/*")
}
