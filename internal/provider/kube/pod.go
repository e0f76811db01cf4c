package kube

import (
	"maps"
	"path"
	"strconv"
	"strings"

	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway/spillway/internal/provider"
)

// The labels of everything that is made.
const (
	labelFarm = ownLabels + "farm"
	labelPool = ownLabels + "pool"
	labelNode = ownLabels + "node"
)

// Where a pod finds what it is given.
const (
	secretDir = "/etc/spillway"
	workDir   = "/var/lib/spillway"
	keyToken  = "join.token"
	keyCA     = "ca.pem"
	usualPath = "/usr/local/bin/spillway"
	usualGPU  = "nvidia.com/gpu"
	endWithin = 60 // seconds that an evicted pod's agent has to leave in good order
)

func (p *Provider) labels(node string) map[string]string {
	all := maps.Clone(p.c.Spec.Labels)
	if all == nil {
		all = map[string]string{}
	}
	all[labelFarm], all[labelPool], all[labelNode] = p.c.Farm, p.c.Pool, node
	return all
}

func (p *Provider) secret(spec *provider.Spec) *core.Secret {
	return &core.Secret{
		ObjectMeta: meta.ObjectMeta{Name: p.podName(spec.Name), Namespace: p.c.Spec.Namespace, Labels: p.labels(spec.Name)},
		Data:       map[string][]byte{keyToken: []byte(spec.Token + "\n"), keyCA: spec.CA},
	}
}

// pod is a node's pod: one container that is the agent.
func (p *Provider) pod(spec *provider.Spec) *core.Pod {
	s := &p.c.Spec
	seconds, no, privileged := int64(endWithin), false, s.Privileged == nil || *s.Privileged
	pod := &core.Pod{
		ObjectMeta: meta.ObjectMeta{Name: p.podName(spec.Name), Namespace: s.Namespace, Labels: p.labels(spec.Name)},
		Spec: core.PodSpec{
			RestartPolicy: core.RestartPolicyOnFailure, Hostname: spec.Name, TerminationGracePeriodSeconds: &seconds,
			AutomountServiceAccountToken: &no, EnableServiceLinks: &no, ServiceAccountName: s.ServiceAccount,
			PriorityClassName: s.PriorityClass, NodeSelector: s.NodeSelector,
			Containers: []core.Container{{
				Name: "agent", Image: s.Image, Command: p.command(spec), Resources: p.resources(spec),
				SecurityContext: &core.SecurityContext{Privileged: &privileged},
			}},
		},
	}
	if s.RuntimeClass != "" {
		pod.Spec.RuntimeClassName = &s.RuntimeClass
	}
	for _, name := range s.PullSecrets {
		pod.Spec.ImagePullSecrets = append(pod.Spec.ImagePullSecrets, core.LocalObjectReference{Name: name})
	}
	for _, t := range s.Tolerations {
		pod.Spec.Tolerations = append(pod.Spec.Tolerations, core.Toleration{
			Key: t.Key, Operator: core.TolerationOperator(t.Operator), Value: t.Value, Effect: core.TaintEffect(t.Effect),
		})
	}
	p.addVolumes(&pod.Spec)
	return pod
}

// command is the agent's. A pod that is evicted or preempted is told by SIGTERM, and leaves in good order.
func (p *Provider) command(spec *provider.Spec) []string {
	s := &p.c.Spec
	program, mount := s.Program, s.Mount
	if program == "" {
		program = usualPath
	}
	if mount == "" {
		mount = "auto"
	}
	argv := []string{
		program, "agent", "--server", spec.Server, "--ca", path.Join(secretDir, keyCA), "--token-file", path.Join(secretDir, keyToken),
		"--dir", path.Join(workDir, "agent"), "--name", spec.Name, "--site", spec.Site, "--pool", spec.Pool, "--instance", p.podName(spec.Name),
		"--vcpus", strconv.FormatFloat(spec.VCPUs, 'f', -1, 64), "--memory", strconv.FormatUint(spec.Memory, 10) + "MiB", "--mount", mount,
		"--stop-with-agent",
	}
	for i := range argv { // Kubernetes expands $(NAME)
		argv[i] = strings.ReplaceAll(argv[i], "$(", "$$(")
	}
	return argv
}

// resources asks for what the node offers, no more and no less, so that a render is neither starved nor evicted first.
func (p *Provider) resources(spec *provider.Spec) core.ResourceRequirements {
	list := core.ResourceList{}
	if spec.VCPUs > 0 {
		list[core.ResourceCPU] = *resource.NewMilliQuantity(int64(spec.VCPUs*1000), resource.DecimalSI)
	}
	if spec.Memory > 0 {
		list[core.ResourceMemory] = *resource.NewQuantity(int64(spec.Memory)<<20, resource.BinarySI)
	}
	if p.c.GPUs > 0 {
		name := p.c.Spec.GPU
		if name == "" {
			name = usualGPU
		}
		list[core.ResourceName(name)] = *resource.NewQuantity(int64(p.c.GPUs), resource.DecimalSI)
	}
	return core.ResourceRequirements{Requests: list, Limits: list}
}

// addVolumes gives the pod its secret, its folder to work in, and the storage of the cluster that it is to see.
func (p *Provider) addVolumes(spec *core.PodSpec) {
	s := &p.c.Spec
	add := func(name, at string, readOnly bool, from core.VolumeSource, below string) {
		spec.Volumes = append(spec.Volumes, core.Volume{Name: name, VolumeSource: from})
		c := &spec.Containers[0]
		c.VolumeMounts = append(c.VolumeMounts, core.VolumeMount{Name: name, MountPath: at, ReadOnly: readOnly, SubPath: below})
	}
	mode := int32(0o400)
	add("join", secretDir, true, core.VolumeSource{Secret: &core.SecretVolumeSource{SecretName: spec.Hostname + "-" + p.c.Farm, DefaultMode: &mode}}, "")
	switch {
	case s.Work.HostPath != "":
		kind := core.HostPathDirectoryOrCreate
		add("work", workDir, false, core.VolumeSource{HostPath: &core.HostPathVolumeSource{Path: s.Work.HostPath, Type: &kind}}, spec.Hostname+"-"+p.c.Farm)
	default:
		from := &core.EmptyDirVolumeSource{}
		if s.Work.Memory {
			from.Medium = core.StorageMediumMemory
		}
		if s.Work.Size > 0 {
			from.SizeLimit = resource.NewQuantity(int64(s.Work.Size), resource.BinarySI)
		}
		add("work", workDir, false, core.VolumeSource{EmptyDir: from}, "")
	}
	for i, v := range s.Volumes {
		from := core.VolumeSource{HostPath: &core.HostPathVolumeSource{Path: v.HostPath}}
		if v.Claim != "" {
			from = core.VolumeSource{PersistentVolumeClaim: &core.PersistentVolumeClaimVolumeSource{ClaimName: v.Claim, ReadOnly: v.ReadOnly}}
		}
		add("volume-"+strconv.Itoa(i), v.Path, v.ReadOnly, from, "")
	}
}
