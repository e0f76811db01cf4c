package server

import (
	"path"
	"time"

	agentv1 "github.com/spillway/spillway/api/spillway/agent/v1"
	"github.com/spillway/spillway/internal/farm"
	"github.com/spillway/spillway/internal/server/policy"
	"github.com/spillway/spillway/openjd"
)

func source(location, format, path string) policy.Source {
	return policy.Source{Location: farm.Location(location), Format: openjd.PathFormat(format), Path: path}
}

// sites returns what the farm must know of the sites.
func (c *Config) sites() map[farm.SiteID]farm.Site {
	sites := map[farm.SiteID]farm.Site{}
	for _, s := range c.Storage {
		for name, door := range s.Sites {
			site := sites[farm.SiteID(name)]
			if site.Storage == nil {
				site.Storage = map[farm.Location]farm.FilerID{}
			}
			site.Storage[farm.Location(s.Name)] = farm.FilerID(door.Filer)
			if f := c.filer(door.Filer); f != nil && f.Parent != "" {
				site.Prime = true
			}
			sites[farm.SiteID(name)] = site
		}
	}
	for _, s := range c.Sites {
		if s.Prime != nil {
			site := sites[farm.SiteID(s.Name)]
			site.Prime = *s.Prime
			sites[farm.SiteID(s.Name)] = site
		}
	}
	return sites
}

// shapes returns what the farm must know of the pools.
func (c *Config) shapes() []farm.PoolShape {
	var shapes []farm.PoolShape
	for _, p := range c.Pools {
		shapes = append(shapes, farm.PoolShape{
			ID: farm.PoolID(p.Name), Site: farm.SiteID(p.Site), Min: p.Min, Max: p.Max, Capacity: p.Capacity.farm(), Price: p.Price,
			Billing: time.Duration(p.Billing),
		})
	}
	return shapes
}

func (c Capacity) farm() farm.Capacity {
	return farm.Capacity{
		Attributes: hostAttributes(),
		VCPUs:      c.VCPUs, MemoryMiB: uint64(c.Memory >> 20), GPUs: c.GPUs, GPUMemory: uint64(c.GPUMemory >> 20), ScratchGiB: uint64(c.Scratch >> 30),
	}
}

// mounts returns what a site's nodes mount.
func (c *Config) mounts(site farm.SiteID) []*agentv1.StorageLocation {
	var out []*agentv1.StorageLocation
	for _, s := range c.Storage {
		door, ok := s.Sites[string(site)]
		if !ok {
			continue
		}
		l := &agentv1.StorageLocation{Name: s.Name, DirectPath: door.Direct, Filer: door.Filer}
		for _, src := range s.Sources {
			format := src.Format
			setDefault(&format, "POSIX")
			l.Sources = append(l.Sources, &agentv1.SourcePath{Format: format, Path: src.Path})
		}
		if f := c.filer(door.Filer); f != nil {
			l.FilerControl, l.FilerNfs, l.Export = f.NodeControl, f.NFS, f.Export
			setDefault(&l.FilerControl, f.Control)
		}
		out = append(out, l)
	}
	return out
}

// filerPath returns a storage path as a filer's clients name it.
func (f *Filer) filerPath(p farm.StoragePath) string { return path.Join(f.Export, "/"+p.Path) }

// filerAt returns the filer through which a site reaches a location; nil: directly, or not at all.
func (c *Config) filerAt(site farm.SiteID, location farm.Location) *Filer {
	for _, s := range c.Storage {
		if s.Name == string(location) {
			return c.filer(s.Sites[string(site)].Filer)
		}
	}
	return nil
}

// localPath returns where this server sees a location; "": nowhere.
func (c *Config) localPath(location farm.Location) string {
	for _, s := range c.Storage {
		if s.Name == string(location) {
			return s.Path
		}
	}
	return ""
}
