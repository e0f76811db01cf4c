// Package azure is the provider whose machines are virtual machines of an Azure scale set.
//
// Flexible orchestration: the scale set spreads and groups, and each node record has one virtual machine of its own name,
// made by a PUT that refuses to overwrite (If-None-Match: *), so that a repeated call makes nothing twice. The machine's
// network interface and disk are declared in it and go with it.
//
// Everything that is made carries tags (spillway-farm, spillway-pool, spillway-node, spillway-created). They are the
// provider's only memory: nothing is kept on disk, and a machine whose tags are not this farm's and pool's is never touched.
package azure
