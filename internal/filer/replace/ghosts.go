package replace

// ghosts are the names of pieces that went from probation, until as many bytes as the cache holds have gone after them.
type ghosts struct {
	of    map[Key]int64 // what had gone when it went
	order []ghost       // oldest first
	went  int64         // bytes that have gone so far
}

type ghost struct {
	key  Key
	went int64
}

// maxGhosts bounds their memory where pieces are small.
const maxGhosts = 1 << 20

func (g *ghosts) add(key Key, n, capacity int64) {
	if g.of == nil {
		g.of = map[Key]int64{}
	}
	g.went += n
	g.of[key] = g.went
	g.order = append(g.order, ghost{key, g.went})
	for len(g.order) > maxGhosts || g.went-g.order[0].went > capacity {
		if old := g.order[0]; g.of[old.key] == old.went {
			delete(g.of, old.key)
		}
		g.order = g.order[1:]
	}
}

// take reports whether a piece went lately, and forgets it.
func (g *ghosts) take(key Key) bool {
	_, ok := g.of[key]
	delete(g.of, key)
	return ok
}
