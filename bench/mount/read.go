package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"
)

const sequential, random = 1 << 20, 4 << 10 // bytes of one read

func writeNoise(path string, size int64) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = io.CopyN(f, rand.NewChaCha8([32]byte{1}), size)
	return errors.Join(err, f.Close())
}

// reading measures the large file: the node's own copy opened as a local file, and the same through the mount.
func (b *bench) reading(ctx context.Context) error {
	through := b.at("mnt/large")
	want, err := digest(b.at("nas/large"))
	if err != nil {
		return err
	}
	got, err := digest(through) // and it is copied
	if err != nil || !bytes.Equal(want, got) {
		return errors.Join(errors.New("the mount gives other bytes"), err)
	}
	local, err := b.copied(ctx)
	if err != nil {
		return err
	}
	if got, err = digest(local); err != nil || !bytes.Equal(want, got) {
		return errors.Join(errors.New("the copy has other bytes"), err)
	}
	for _, how := range []struct {
		name  string
		block int
		unit  string
		scale float64
	}{{"sequential, 1 MiB", sequential, "MB/s", 1e-6}, {"random, 4 KiB", random, "reads/s", 1.0 / random}} {
		var ratios, locals, throughs, cpus []float64
		for round := range b.rounds {
			rates := [2]float64{}
			for i := range 2 {
				which := (round + i) % 2 // who begins changes
				before := b.mount.cpu()
				began := time.Now()
				n, err := read([]string{local, through}[which], how.block, b.size<<20)
				if err != nil {
					return err
				}
				rates[which] = float64(n) * how.scale / time.Since(began).Seconds()
				if which == 1 {
					cpus = append(cpus, (b.mount.cpu()-before).Seconds()/float64(n)*1e9)
				}
			}
			locals, throughs, ratios = append(locals, rates[0]), append(throughs, rates[1]), append(ratios, rates[1]/rates[0])
		}
		fmt.Printf("| %s | %.0f %s | %.0f %s | %.2f | %.3f |\n", how.name, median(locals), how.unit, median(throughs), how.unit, median(ratios), median(cpus))
	}
	return ctx.Err()
}

// copied waits for the node's copy of the large file and returns its path.
func (b *bench) copied(ctx context.Context) (string, error) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		names, err := filepath.Glob(b.at("node/v1/*/*.rec"))
		if err != nil {
			return "", err
		}
		for _, name := range names {
			path := name[:len(name)-len(".rec")]
			if info, err := os.Stat(path); err == nil && info.Size() == b.size<<20 {
				return path, nil
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
}

// read reads so many bytes of a file, block after block or at random places.
func read(path string, block int, size int64) (int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	buf := make([]byte, block)
	if block == random {
		size /= 4
	}
	places := rand.New(rand.NewPCG(1, 2))
	for off := int64(0); off < size; off += int64(block) {
		at := off
		if block == random {
			at = places.Int64N(4*size/random) * random
		}
		if _, err := f.ReadAt(buf, at); err != nil {
			return 0, err
		}
	}
	return size, nil
}

func digest(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	h := sha256.New()
	_, err = io.Copy(h, f)
	return h.Sum(nil), err
}
