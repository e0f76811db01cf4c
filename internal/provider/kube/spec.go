package kube

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/spillway/spillway/internal/config"
	"github.com/spillway/spillway/internal/fault"
)

// Spec is what a pool's configuration says of its pods.
type Spec struct {
	Config    string `yaml:"kubeconfig"` // file; by default KUBECONFIG, ~/.kube/config, or the pod that the server is
	Context   string `yaml:"context"`    // of the file; by default its current one
	Namespace string `yaml:"namespace,required"`

	Image          string            `yaml:"image,required"` // has spillway and the renderers
	Program        string            `yaml:"program"`        // spillway in the image; by default /usr/local/bin/spillway
	PullSecrets    []string          `yaml:"pullSecrets"`
	ServiceAccount string            `yaml:"serviceAccount"` // of the pods; they are given no token of it
	PriorityClass  string            `yaml:"priorityClass"`
	RuntimeClass   string            `yaml:"runtimeClass"`
	NodeSelector   map[string]string `yaml:"nodeSelector"`
	Tolerations    []Toleration      `yaml:"tolerations"`
	GPU            string            `yaml:"gpu"` // resource that counts capacity.gpus; by default nvidia.com/gpu
	Work           Work              `yaml:"work"`
	Volumes        []Volume          `yaml:"volumes"`
	Privileged     *bool             `yaml:"privileged"` // by default true: mounting a filer needs it
	Mount          string            `yaml:"mount"`      // of the agent: auto, kernel or fuse
	Labels         map[string]string `yaml:"labels"`     // besides Spillway's own
}

// Toleration lets pods onto tainted nodes.
type Toleration struct {
	Key      string `yaml:"key"`      // empty: all
	Operator string `yaml:"operator"` // Equal (the default) or Exists
	Value    string `yaml:"value"`
	Effect   string `yaml:"effect"` // NoSchedule, PreferNoSchedule, NoExecute; empty: all
}

// Work is where a pod keeps what it works with: sessions, logs, cached files. By default a folder that goes with the pod.
type Work struct {
	HostPath string       `yaml:"hostPath"` // a folder of the cluster's node; each pod has a folder of its own in it
	Size     config.Bytes `yaml:"size"`     // at most so much; 0: no limit
	Memory   bool         `yaml:"memory"`   // in memory, counted as the pod's
}

// Volume is storage of the cluster that pods see.
type Volume struct {
	Path     string `yaml:"path,required"` // in the pod
	Claim    string `yaml:"claim"`         // a persistent volume claim
	HostPath string `yaml:"hostPath"`      // or a folder of the node
	ReadOnly bool   `yaml:"readOnly"`
}

var (
	validLabel = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`) // RFC 1123, as Kubernetes names namespaces
	validRef   = regexp.MustCompile(`^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$`)
)

const ownLabels = "spillway.dev/"

// Validate reports what the cluster would refuse later, with the key it stands under.
func (s *Spec) Validate() error {
	for _, c := range []struct {
		key, value, want string
		ok               bool
	}{
		{"namespace", s.Namespace, "a namespace", validLabel.MatchString(s.Namespace)},
		{"image", s.Image, "an image", s.Image != "" && !strings.ContainsAny(s.Image, " \t\n")},
		{"program", s.Program, "an absolute path", s.Program == "" || path.IsAbs(s.Program)},
		{"serviceAccount", s.ServiceAccount, "a name", s.ServiceAccount == "" || validRef.MatchString(s.ServiceAccount)},
		{"priorityClass", s.PriorityClass, "a name", s.PriorityClass == "" || validRef.MatchString(s.PriorityClass)},
		{"runtimeClass", s.RuntimeClass, "a name", s.RuntimeClass == "" || validRef.MatchString(s.RuntimeClass)},
		{"gpu", s.GPU, "a resource, such as nvidia.com/gpu", s.GPU == "" || strings.Count(s.GPU, "/") == 1},
		{"mount", s.Mount, "auto, kernel or fuse", slices.Contains([]string{"", "auto", "kernel", "fuse"}, s.Mount)},
		{"work", s.Work.HostPath, "an absolute path", s.Work.HostPath == "" || path.IsAbs(s.Work.HostPath) && !s.Work.Memory && s.Work.Size == 0},
	} {
		if !c.ok {
			return config.At(c.key, fault.New(fault.Invalid, "%q is not %s", c.value, c.want))
		}
	}
	for _, name := range s.PullSecrets {
		if !validRef.MatchString(name) {
			return config.At("pullSecrets", fault.New(fault.Invalid, "%q is not a secret's name", name))
		}
	}
	for _, t := range s.Tolerations {
		if !slices.Contains([]string{"", "Equal", "Exists"}, t.Operator) || !slices.Contains([]string{"", "NoSchedule", "PreferNoSchedule", "NoExecute"}, t.Effect) ||
			t.Key == "" && t.Operator != "Exists" || t.Operator == "Exists" && t.Value != "" {
			return config.At("tolerations", fault.New(fault.Invalid, "%+v is no toleration: operator Equal with key and value, or Exists without a value", t))
		}
	}
	for _, v := range s.Volumes {
		if !path.IsAbs(v.Path) || (v.Claim == "") == (v.HostPath == "") || v.HostPath != "" && !path.IsAbs(v.HostPath) {
			return config.At("volumes", fault.New(fault.Invalid, "a volume has an absolute path and either a claim or a hostPath, not %+v", v))
		}
	}
	for name := range s.Labels {
		if strings.HasPrefix(name, ownLabels) {
			return config.At("labels", fault.New(fault.Invalid, "%q is Spillway's own", name))
		}
	}
	return nil
}
