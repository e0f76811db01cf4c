package kube_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	core "k8s.io/api/core/v1"
	refused "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/scheme"
	fakecore "k8s.io/client-go/kubernetes/typed/core/v1/fake"
	clienttest "k8s.io/client-go/testing"

	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/provider"
	"github.com/spillway/spillway/internal/provider/kube"
	"github.com/spillway/spillway/internal/provider/providertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	farm  = "f00dcafe"
	space = "render"
)

var pods = schema.GroupVersionResource{Version: "v1", Resource: "pods"}

// cluster is the client library's fake with what an API server does besides: UIDs, times, and pods that take a while to end.
type cluster struct {
	fakecore.FakeCoreV1
	tracker clienttest.ObjectTracker
	made    atomic.Int64
	stuck   atomic.Bool // pods do not end
}

func newCluster() *cluster {
	c := &cluster{tracker: clienttest.NewObjectTracker(scheme.Scheme, scheme.Codecs.UniversalDecoder())}
	c.Fake = &clienttest.Fake{}
	c.AddReactor("*", "*", clienttest.ObjectReaction(c.tracker))
	c.PrependReactor("create", "*", func(a clienttest.Action) (bool, runtime.Object, error) {
		o := a.(clienttest.CreateAction).GetObject().(meta.Object)
		o.SetUID(types.UID(fmt.Sprintf("uid-%d", c.made.Add(1))))
		o.SetCreationTimestamp(meta.Now())
		return false, nil, nil
	})
	c.PrependReactor("delete", "pods", func(a clienttest.Action) (bool, runtime.Object, error) {
		return c.stuck.Load(), nil, nil
	})
	return c
}

// fail lets calls of a verb fail.
func (c *cluster) fail(verb, resource string, err error) {
	c.PrependReactor(verb, resource, func(clienttest.Action) (bool, runtime.Object, error) { return err != nil, nil, err })
}

func (c *cluster) pod(t *testing.T, node string) *core.Pod {
	t.Helper()
	o, err := c.tracker.Get(pods, space, node+"-"+farm)
	if refused.IsNotFound(err) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	return o.(*core.Pod)
}

func newProvider(t *testing.T, c *cluster, change func(*kube.Config)) *kube.Provider {
	t.Helper()
	config := kube.Config{
		Spec: kube.Spec{Namespace: space, Image: "registry.example/blender:4.2"}, Farm: farm, Pool: "burst", Client: c, Poll: time.Millisecond,
	}
	if change != nil {
		change(&config)
	}
	p, err := kube.New(config)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func spec(name string) provider.Spec {
	return provider.Spec{
		Name: name, Pool: "burst", Site: "cloud", Server: "https://farm.example:7410", Token: "one-time", CA: []byte("PEM"), VCPUs: 1.5, Memory: 2048,
	}
}

func TestConformance(t *testing.T) {
	providertest.Run(t, func(t *testing.T) providertest.Fixture {
		c := newCluster()
		return providertest.Fixture{
			Provider: newProvider(t, c, nil),
			Reopen:   func(t *testing.T) provider.Provider { return newProvider(t, c, nil) },
			Alive:    func(t *testing.T, name string) bool { return c.pod(t, name) != nil },
		}
	})
}

func TestPodIsWhatThePoolSays(t *testing.T) {
	c := newCluster()
	p := newProvider(t, c, func(c *kube.Config) {
		c.GPUs = 2
		c.Spec.NodeSelector = map[string]string{"pool": "render"}
		c.Spec.Tolerations = []kube.Toleration{{Key: "gpu", Operator: "Exists", Effect: "NoSchedule"}}
		c.Spec.PriorityClass, c.Spec.RuntimeClass, c.Spec.PullSecrets = "low", "nvidia", []string{"registry"}
		c.Spec.Work = kube.Work{HostPath: "/mnt/nvme/spillway"}
		c.Spec.Volumes = []kube.Volume{{Path: "/apps", Claim: "apps", ReadOnly: true}}
		c.Spec.Labels = map[string]string{"team": "lighting"}
	})
	if _, err := p.Create(t.Context(), spec("burst-1")); err != nil {
		t.Fatal(err)
	}
	pod := c.pod(t, "burst-1")
	agent := pod.Spec.Containers[0]
	for what, ok := range map[string]bool{
		"cpu":                  agent.Resources.Requests.Cpu().Equal(resource.MustParse("1500m")),
		"memory":               agent.Resources.Limits.Memory().Equal(resource.MustParse("2Gi")),
		"GPUs":                 agent.Resources.Limits.Name("nvidia.com/gpu", resource.DecimalSI).Value() == 2,
		"selector":             pod.Spec.NodeSelector["pool"] == "render",
		"toleration":           len(pod.Spec.Tolerations) == 1 && pod.Spec.Tolerations[0].Operator == core.TolerationOpExists,
		"priority":             pod.Spec.PriorityClassName == "low" && *pod.Spec.RuntimeClassName == "nvidia",
		"pull secret":          pod.Spec.ImagePullSecrets[0].Name == "registry",
		"no API token":         !*pod.Spec.AutomountServiceAccountToken,
		"labels":               pod.Labels["team"] == "lighting" && pod.Labels["spillway.dev/node"] == "burst-1",
		"its own work":         slices.ContainsFunc(agent.VolumeMounts, func(m core.VolumeMount) bool { return m.MountPath == "/var/lib/spillway" && m.SubPath == pod.Name }),
		"claim":                slices.ContainsFunc(pod.Spec.Volumes, func(v core.Volume) bool { return v.PersistentVolumeClaim != nil && v.PersistentVolumeClaim.ReadOnly }),
		"leaves orderly":       slices.Contains(agent.Command, "--stop-with-agent"),
		"token not in the pod": !strings.Contains(pod.String(), "one-time"),
	} {
		if !ok {
			t.Errorf("%s: %v", what, pod)
		}
	}
	secret, err := c.Secrets(space).Get(t.Context(), pod.Name, meta.GetOptions{})
	if err != nil || string(secret.Data["join.token"]) != "one-time\n" {
		t.Errorf("the secret: %v, %v", secret, err)
	}
	if err := p.Delete(t.Context(), "burst-1"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Secrets(space).Get(t.Context(), pod.Name, meta.GetOptions{}); !refused.IsNotFound(err) {
		t.Errorf("the secret outlives its pod: %v", err)
	}
}

func TestRefusalsAreExplained(t *testing.T) {
	kind := schema.GroupResource{Resource: "pods"}
	for name, c := range map[string]struct {
		err  error
		kind fault.Kind
		hint string
	}{
		"quota":        {refused.NewForbidden(kind, "x", errors.New("exceeded quota: compute, requested: cpu=2")), fault.Exhausted, "resource quota"},
		"rights":       {refused.NewForbidden(kind, "x", errors.New("cannot create")), fault.Denied, "role"},
		"who":          {refused.NewUnauthorized("who are you"), fault.Denied, "role"},
		"no namespace": {refused.NewNotFound(schema.GroupResource{Resource: "namespaces"}, space), fault.Invalid, "create namespace"},
		"bad":          {refused.NewBadRequest("no"), fault.Invalid, ""},
		"busy":         {refused.NewTooManyRequests("later", 3), fault.Unavailable, ""},
		"away":         {errors.New("connection refused"), fault.Unavailable, ""},
	} {
		t.Run(name, func(t *testing.T) {
			cl := newCluster()
			cl.fail("create", "pods", c.err)
			_, err := newProvider(t, cl, nil).Create(t.Context(), spec("n1"))
			if fault.KindOf(err) != c.kind || !strings.Contains(fault.HintOf(err), c.hint) {
				t.Errorf("%v is %v, hint %q", err, fault.KindOf(err), fault.HintOf(err))
			}
		})
	}
}

// TestSecretAloneIsSwept: the server dies between the secret and the pod, and nobody wants the node any more.
func TestSecretAloneIsSwept(t *testing.T) {
	c := newCluster()
	c.fail("create", "pods", errors.New("connection lost"))
	p := newProvider(t, c, nil)
	if _, err := p.Create(t.Context(), spec("n1")); fault.KindOf(err) != fault.Unavailable {
		t.Fatal(err)
	}
	list, err := p.List(t.Context())
	if err != nil || len(list) != 1 || list[0].Name != "n1" || list[0].Running {
		t.Fatalf("list: %+v, %v; want the name whose secret is left", list, err)
	}
	if err := p.Delete(t.Context(), "n1"); err != nil {
		t.Fatal(err)
	}
	if list, err := p.List(t.Context()); err != nil || len(list) != 0 {
		t.Errorf("list: %v, %v", list, err)
	}
}

func TestPodThatDoesNotEndIsNotGone(t *testing.T) {
	c := newCluster()
	p := newProvider(t, c, nil)
	if _, err := p.Create(t.Context(), spec("n1")); err != nil {
		t.Fatal(err)
	}
	c.stuck.Store(true)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := p.Delete(ctx, "n1"); fault.KindOf(err) != fault.Unavailable || !strings.Contains(fault.HintOf(err), "--force") {
		t.Errorf("delete of a pod on a dead node: %v", err)
	}
	c.stuck.Store(false)
	if err := p.Delete(t.Context(), "n1"); err != nil {
		t.Error(err)
	}
}

func TestOthersPodsAreLeftAlone(t *testing.T) {
	c := newCluster()
	mine := newProvider(t, c, nil)
	other := newProvider(t, c, func(c *kube.Config) { c.Pool = "gpu" })
	if _, err := mine.Create(t.Context(), spec("n1")); err != nil {
		t.Fatal(err)
	}
	if list, err := other.List(t.Context()); err != nil || len(list) != 0 {
		t.Errorf("the other pool lists %v, %v", list, err)
	}
	if err := other.Delete(t.Context(), "n1"); fault.KindOf(err) != fault.Invalid || c.pod(t, "n1") == nil {
		t.Errorf("the other pool deleted it: %v", err)
	}
	if _, err := other.Create(t.Context(), spec("n1")); fault.KindOf(err) != fault.Invalid {
		t.Errorf("the other pool took it over: %v", err)
	}
}

func TestPodsThatFail(t *testing.T) {
	for name, status := range map[string]core.PodStatus{
		"evicted": {Phase: core.PodFailed, Reason: "Evicted", Message: "the node was low on memory"},
		"ended":   {Phase: core.PodSucceeded},
		"no image": {Phase: core.PodPending, ContainerStatuses: []core.ContainerStatus{{
			State: core.ContainerState{Waiting: &core.ContainerStateWaiting{Reason: "InvalidImageName"}},
		}}},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCluster()
			p := newProvider(t, c, nil)
			if _, err := p.Create(t.Context(), spec("n1")); err != nil {
				t.Fatal(err)
			}
			pod := c.pod(t, "n1").DeepCopy()
			pod.Status = status
			if err := c.tracker.Update(pods, pod, space); err != nil {
				t.Fatal(err)
			}
			list, err := p.List(t.Context())
			if err != nil || len(list) != 1 || list[0].Running || list[0].Failure == nil {
				t.Errorf("list: %+v, %v", list, err)
			}
		})
	}
}

func TestSpecIsChecked(t *testing.T) {
	for name, breaks := range map[string]func(*kube.Spec){
		"namespace":      func(s *kube.Spec) { s.Namespace = "Render Farm" },
		"image":          func(s *kube.Spec) { s.Image = "" },
		"program":        func(s *kube.Spec) { s.Program = "spillway" },
		"serviceAccount": func(s *kube.Spec) { s.ServiceAccount = "A B" },
		"priorityClass":  func(s *kube.Spec) { s.PriorityClass = "_" },
		"runtimeClass":   func(s *kube.Spec) { s.RuntimeClass = "_" },
		"gpu":            func(s *kube.Spec) { s.GPU = "gpu" },
		"mount":          func(s *kube.Spec) { s.Mount = "smb" },
		"work":           func(s *kube.Spec) { s.Work = kube.Work{HostPath: "/x", Size: 1} },
		"pullSecrets":    func(s *kube.Spec) { s.PullSecrets = []string{"A/B"} },
		"tolerations":    func(s *kube.Spec) { s.Tolerations = []kube.Toleration{{Value: "x"}} },
		"volumes":        func(s *kube.Spec) { s.Volumes = []kube.Volume{{Path: "/x"}} },
		"labels":         func(s *kube.Spec) { s.Labels = map[string]string{"spillway.dev/farm": "x"} },
	} {
		s := kube.Spec{Namespace: space, Image: "x"}
		if err := s.Validate(); err != nil {
			t.Fatal(err)
		}
		breaks(&s)
		if err := s.Validate(); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: it is taken: %v", name, err)
		}
	}
}
