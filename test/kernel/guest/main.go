// Command guest is the first process of the machines that the rig boots: it makes the machine usable and runs the commands
// that the rig sends. It is linked statically and runs in the guest's kernel only.
package main

import (
	"fmt"
	"net"
	"os"

	"golang.org/x/sys/unix"

	"github.com/spillway/spillway/test/kernel/wire"
)

func main() {
	if os.Getpid() != 1 {
		fmt.Fprintln(os.Stderr, "guest: this is the first process of a test machine, and of no use elsewhere")
		os.Exit(2)
	}
	fmt.Println("guest:", run())
	powerOff()
}

// run serves until that fails.
func run() error {
	if err := boot(); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", fmt.Sprintf(":%d", wire.Port))
	if err != nil {
		return err
	}
	fmt.Println(wire.Ready)
	for {
		conn, err := listener.Accept()
		if err != nil {
			return err
		}
		go serve(conn)
	}
}

func powerOff() {
	_ = unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF)
}
