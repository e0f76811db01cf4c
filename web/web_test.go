package web_test

import (
	"io/fs"
	"testing"

	"github.com/spillway/spillway/web"
)

func TestThereIsAlwaysAPage(t *testing.T) {
	data, err := fs.ReadFile(web.FS(), "index.html")
	if err != nil || len(data) == 0 {
		t.Fatalf("index.html: %d bytes, %v", len(data), err)
	}
	if _, err := fs.Stat(web.FS(), "assets"); web.Built() != (err == nil) {
		t.Errorf("built %v, assets: %v", web.Built(), err)
	}
}
