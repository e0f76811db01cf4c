package test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// inNamespace runs a shell script in a network of its own, where only this machine is, and in which nothing runs: the port
// mapper's port is free. It returns what the script prints.
func inNamespace(t *testing.T, script string, env ...string) string {
	t.Helper()
	needs(t, "unshare", "ip", "rpcinfo", "rpcbind")
	if os.Getuid() != 0 {
		t.Skip("needs root: a network namespace with port 111")
	}
	if out, err := exec.Command("unshare", "-n", "-m", "true").CombinedOutput(); err != nil {
		t.Skipf("needs network namespaces: %s", out)
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "script")
	writeFile(t, file, "set -eu\nip link set lo up\nmount -t tmpfs none /run\ncd "+dir+"\n"+script)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	// The processes are in a PID namespace too: they end with the script, whatever happens.
	cmd := exec.CommandContext(ctx, "unshare", "-n", "-m", "-p", "-f", "--kill-child", "sh", file)
	cmd.Env = append(append(os.Environ(), "SPILLWAY="+spillway(t)), env...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s\n%s", err, out.String(), tail(errs.String(), 60))
	}
	return out.String()
}

// startInScript starts a filer in a script, says when it is ready, and defines what waits for a condition.
const startInScript = `
mkdir -p nas cache
until_ok() { for i in $(seq 600); do "$@" >/dev/null 2>&1 && return 0; sleep 0.1; done; echo "still not: $*" >&2; return 1; }
start_filer() {
	rm -f ready; mkfifo ready
	"$SPILLWAY" filer --listen 0.0.0.0:2049 --cache-dir cache --export /nas=posix:$PWD/nas --metrics 127.0.0.1:9420 "$@" >ready &
	filer=$!
	read line <ready
}
known() { rpcinfo -p 127.0.0.1 | grep -q "100021 *4 *tcp *2049 "; }
unknown() { ! rpcinfo -p 127.0.0.1 | grep -q "100021 *4 *tcp *2049 "; }
`

// Where nobody answers for the port mapper, the filer does.
func TestFilerIsThePortMapper(t *testing.T) {
	t.Parallel()
	out := inNamespace(t, startInScript+`
start_filer
until_ok known
rpcinfo -p 127.0.0.1
rpcinfo -T tcp 127.0.0.1 nlockmgr 4
rpcinfo -T udp 127.0.0.1 100024 1
rpcinfo -a 127.0.0.1.0.111 -T udp 100000 4
kill $filer; wait $filer
`)
	for _, want := range []string{
		"100003    3   tcp   2049", "100005    3   tcp   2049", "100021    4   tcp   2049", "100024    1   udp   2049",
		"program 100021 version 4 ready and waiting", "program 100024 version 1 ready and waiting", "program 100000 version 4 ready and waiting",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("rpcinfo does not say %q:\n%s", want, out)
		}
	}
}

// Where a port mapper runs, the filer registers with it, again if it was restarted, and takes itself out when it ends.
func TestFilerRegistersWithThePortMapper(t *testing.T) {
	t.Parallel()
	out := inNamespace(t, startInScript+`
rpcbind -f & mapper=$!
until_ok rpcinfo -p 127.0.0.1
start_filer
until_ok known
rpcinfo -T tcp 127.0.0.1 nlockmgr 4
rpcinfo -T udp 127.0.0.1 100024 1
kill $filer; wait $filer
until_ok unknown
rpcinfo -p 127.0.0.1
kill $mapper
`)
	for _, want := range []string{"program 100021 version 4 ready and waiting", "program 100024 version 1 ready and waiting"} {
		if !strings.Contains(out, want) {
			t.Errorf("rpcinfo does not say %q:\n%s", want, out)
		}
	}
	for _, p := range []string{"100003", "100005", "100021", "100024"} {
		if strings.Contains(out, p+"    ") {
			t.Errorf("program %s is still registered:\n%s", p, out)
		}
	}
}

// Where it can do neither, it says why, and NFS works as ever.
func TestFilerWithoutPortMapper(t *testing.T) {
	t.Parallel()
	out := inNamespace(t, startInScript+`
start_filer --locks auto
first=$filer
until_ok known
mkdir cache2
rm ready; mkfifo ready
"$SPILLWAY" filer --listen 127.0.0.1:2050 --locks on --cache-dir cache2 --export /nas=posix:$PWD/nas --metrics 127.0.0.1:9421 >ready &
second=$!
read line <ready
refused() { wget_status | grep -q "\"Portmapper\":\"none\""; }
wget_status() { bash -c 'exec 3<>/dev/tcp/127.0.0.1/9421; printf "GET /status HTTP/1.0\r\n\r\n" >&3; cat <&3'; }
until_ok refused
wget_status
kill $second; wait $second
kill $first; wait $first
`)
	if !strings.Contains(out, "another lock manager, at port 2049") || !strings.Contains(out, `"LockOwner":"filer"`) {
		t.Errorf("the status does not say why there are no locks:\n%s", out)
	}
}
