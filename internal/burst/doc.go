// Package burst decides how many rented nodes a farm should have, and says why.
//
// It is pure: Plan and Forecast take a picture of the farm and a moment, and return values. The picture is in value types
// of the package's own. A caller plans every few seconds and carries out what it is told; nothing is remembered in
// between, so a restart changes no decision.
//
// The method. Only work that could start now is demand. Work is laid onto nodes in the order of priority, then of goal,
// the way the scheduler does it: whichever slot is free first takes the next task, the studio's own nodes before all
// others. A work's goal is its job's deadline, less what must follow it; or a maximum wait; or none, and then nothing is
// rented for it. The plan is the smallest number of nodes with which every goal is met with a margin, counting that new
// nodes must start and that their filer must be warm first. The smallest number is also the cheapest, because each
// further node pays its own start and its minimum billing. Pools are filled in the order of price per work done.
//
// Against flapping, nodes are given back only if the goals are still met with a second, wider margin, and only after they
// have been idle for a while; a node whose minimum billing is paid stays as long as there is work at all.
//
// A pool may be ordered to have a number of nodes instead, by a formula. The order is carried out within the pool's and the
// farm's limits, and what the goals need is planned around it.
package burst
