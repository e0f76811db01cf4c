package rest

import (
	"io/fs"
	"net/http"
	"path"
	"strings"
)

// page serves the web app. Paths that name no file are the app's own and get its index. Files below assets/ carry their
// content's hash in the name and may be kept for good.
func page(web fs.FS) http.Handler {
	files := http.FileServerFS(web)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
			return
		}
		name := strings.TrimPrefix(path.Clean("/"+r.URL.Path), "/")
		info, err := fs.Stat(web, orDot(name))
		switch {
		case err == nil && !info.IsDir() && strings.HasPrefix(name, "assets/"):
			w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
		case err == nil && !info.IsDir():
			w.Header().Set("Cache-Control", "no-cache")
		case path.Ext(name) != "" || strings.HasPrefix(name, "assets/"):
			http.NotFound(w, r)
			return
		default:
			w.Header().Set("Cache-Control", "no-cache")
			r = r.Clone(r.Context())
			r.URL.Path = "/"
		}
		files.ServeHTTP(w, r)
	})
}

func orDot(name string) string {
	if name == "" {
		return "."
	}
	return name
}
