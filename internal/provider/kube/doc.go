// Package kube is the provider whose machines are pods of a Kubernetes cluster.
//
// A node record has one pod of its own name, and a secret of the same name with its join token, which the pod owns. A repeated
// call finds the pod. Both carry labels (spillway.dev/farm, …/pool, …/node), the provider's only memory; a pod whose labels
// are not this farm's and pool's is never touched.
package kube
