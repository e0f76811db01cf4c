package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os/exec"
	"path/filepath"
	"time"
)

// walking measures a walk over the tree that asks for each file's attributes, with nothing in the kernel before it ("asked")
// and again while the kernel may believe what it was told ("known").
func (b *bench) walking(ctx context.Context) error {
	tree := b.at("mnt/tree")
	var asked, known, finds []float64
	if _, err := b.walk(tree); err != nil { // the filer has it all
		return err
	}
	for range b.rounds {
		for _, into := range []*[]float64{&asked, &known} {
			if into == &asked {
				if err := b.refresh(); err != nil {
					return err
				}
			}
			rate, err := b.walk(tree)
			if err != nil {
				return err
			}
			*into = append(*into, rate)
		}
		if err := b.refresh(); err != nil {
			return err
		}
		began := time.Now()
		if err := exec.CommandContext(ctx, "find", tree, "-ls").Run(); err != nil {
			return err
		}
		finds = append(finds, float64(b.files)/time.Since(began).Seconds())
	}
	fmt.Printf("| walk of %d files, asked anew | %.0f files/s |\n| the same, known | %.0f files/s |\n| find -ls, asked anew | %.0f files/s |\n",
		b.files, median(asked), median(known), median(finds))
	return nil
}

func (b *bench) walk(tree string) (filesPerSecond float64, err error) {
	began, n := time.Now(), 0
	err = filepath.WalkDir(tree, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		n++
		_, err = d.Info() // lstat
		return err
	})
	if err == nil && n != b.files {
		err = fmt.Errorf("%d files, not %d", n, b.files)
	}
	return float64(n) / time.Since(began).Seconds(), err
}

// refresh drops all names and attributes that the kernel has.
func (b *bench) refresh() error {
	var d net.Dialer
	conn, err := d.DialContext(context.Background(), "unix", b.at("control"))
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := fmt.Fprintln(conn, "refresh"); err != nil {
		return err
	}
	answer, err := bufio.NewReader(conn).ReadString('\n')
	if answer != "ok\n" {
		err = errors.Join(errors.New("the mount did not refresh"), err)
	}
	return err
}
