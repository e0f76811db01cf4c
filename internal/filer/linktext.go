package filer

import (
	"context"

	"github.com/spillway/spillway/nfs"
)

// linkText is the text of a symbolic link in one of its states.
type linkText struct {
	text string // "": not read yet
	of   nfs.PreAttr
}

// linkText returns the text of the call's symbolic link: the one at hand if the link is still the one it was read from.
func (c call) linkText(ctx context.Context) (string, error) {
	ino := c.ino
	if ino.target.caps.Local {
		return ino.target.origin.ReadLink(ctx, c.as, ino.oid())
	}
	before, err := c.attrs(ctx, ino)
	if err != nil {
		return "", err
	}
	ino.mu.Lock()
	known := ino.link
	ino.mu.Unlock()
	if known.text != "" && known.of == before.Pre() {
		return known.text, nil
	}
	if err := c.f.born(ctx, ino); err != nil {
		return "", err
	}
	nfs.Wait(ctx)
	text, err := ino.target.origin.ReadLink(ctx, c.as, ino.oid())
	if err != nil {
		return "", err
	}
	ino.mu.Lock()
	if ino.attr.Pre() == before.Pre() {
		ino.link = linkText{text, before.Pre()}
	}
	ino.mu.Unlock()
	return text, nil
}
