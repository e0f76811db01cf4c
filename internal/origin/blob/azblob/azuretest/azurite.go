// Package azuretest runs Azurite, Microsoft's emulator of Azure Storage, for tests. `make azurite` installs it.
package azuretest

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
)

// ErrNotThere says that Azurite is not installed.
var ErrNotThere = errors.New("needs Azurite and Node: make azurite")

// Azurite is a running emulator with one account, in memory.
type Azurite struct {
	Account, Key string // Key is in base64
	Endpoint     string // of the account's blob service

	cmd     *exec.Cmd
	drained chan struct{} // closed when its output has ended
}

// Start starts an emulator at a port of its own; root is the module's directory. Stop ends it, and so does the end of this
// process.
func Start(root string) (*Azurite, error) {
	script := filepath.Join(root, "tools/azurite/node_modules/azurite/dist/src/blob/main.js")
	if _, err := os.Stat(script); err != nil {
		return nil, ErrNotThere
	}
	node, err := exec.LookPath("node")
	if err != nil {
		return nil, ErrNotThere
	}
	secret := make([]byte, 32)
	rand.Read(secret)
	a := &Azurite{Account: "weir", Key: base64.StdEncoding.EncodeToString(secret), drained: make(chan struct{})}
	a.cmd = exec.Command(node, script, "--inMemoryPersistence", "--blobPort", "0", "--skipApiVersionCheck", "--disableTelemetry")
	a.cmd.Env = append(os.Environ(), "AZURITE_ACCOUNTS="+a.Account+":"+a.Key)
	a.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := a.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := a.cmd.Start(); err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(out)
	for a.Endpoint == "" && lines.Scan() {
		if _, at, ok := strings.Cut(lines.Text(), "listens on "); ok {
			a.Endpoint = strings.TrimSpace(at) + "/" + a.Account
		}
	}
	go func() {
		defer close(a.drained)
		_, _ = io.Copy(io.Discard, out)
	}()
	if a.Endpoint == "" {
		a.Stop()
		return nil, errors.New("azurite has ended before it listened")
	}
	return a, nil
}

// Stop ends the emulator.
func (a *Azurite) Stop() {
	_ = a.cmd.Process.Kill()
	<-a.drained
	_ = a.cmd.Wait()
}

// Container makes an empty container and returns a client for it, named at random.
func (a *Azurite) Container(ctx context.Context) (name string, client *container.Client, err error) {
	name = "c" + strings.ToLower(rand.Text())
	key, err := container.NewSharedKeyCredential(a.Account, a.Key)
	if err != nil {
		return "", nil, err
	}
	if client, err = container.NewClientWithSharedKeyCredential(a.Endpoint+"/"+name, key, nil); err != nil {
		return "", nil, err
	}
	if _, err = client.Create(ctx, nil); err != nil {
		err = fmt.Errorf("container of the emulator: %w", err)
	}
	return name, client, err
}
