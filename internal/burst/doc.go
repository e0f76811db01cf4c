// Package burst decides how many rented nodes a farm should have, and says why.
//
// It is pure: Plan and Forecast take a picture of the farm and a moment, and return values. The picture is in value types
// of the package's own. A caller plans every few seconds and carries out what it is told; nothing is remembered in
// between, so a restart changes no decision.
//
// The method. Only work that could start now is demand. Work is laid onto nodes in the order of priority, then of
// submission, the way the scheduler does it: whichever slot is free first takes the next task, the studio's own nodes before all
// others. A work's goal is its job's deadline, less what must follow it; or a maximum wait; or none, and then nothing is
// rented for it. The plan is the smallest number of nodes with which every goal is met with a margin, counting that new
// nodes must start and that their filer must be warm first. The smallest number is also the cheapest, because each
// further node pays its own start and its minimum billing. Pools are filled in the order of the price of the work in need
// on them; on nodes that may be evicted tasks take longer, and a pool may promise a share of regular nodes beside those.
//
// Against flapping, nodes are given back only if the goals are still met with a second, wider margin, and only after they
// have been idle for a while; a node whose minimum billing is paid stays as long as there is work at all. More are rented
// only if those there are would leave next to no margin.
//
// A pool may be ordered to have a number of nodes instead, by a formula. The order is carried out within the pool's and the
// farm's limits, and what the goals need is planned around it.
//
// A trial of a number of nodes lays all work out anew; a plan makes some thirty of them. What does not change from trial to
// trial is worked out once (load, shelf), and the nodes of a large pool are summarised in a few lanes.
package burst
