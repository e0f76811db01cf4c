package kube

import (
	"context"
	"log/slog"
	"regexp"
	"time"

	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"

	refused "k8s.io/apimachinery/pkg/api/errors"
	client "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/provider"
)

// Config is a pool's provider.
type Config struct {
	Spec Spec
	Farm string // tells farms that share a namespace apart: up to 16 small letters and digits
	Pool string
	GPUs uint32 // of each node

	Client Client        // nil: the cluster that Spec names
	Poll   time.Duration // between two looks at a pod that is being deleted; 0: a second
	Log    *slog.Logger
}

// Client is what is used of a cluster.
type Client interface {
	client.PodsGetter
	client.SecretsGetter
}

// Provider makes pods. It implements provider.Provider.
type Provider struct {
	c    Config
	call Client
}

var _ provider.Provider = (*Provider)(nil)

var (
	validFarm = regexp.MustCompile(`^[a-z0-9]{1,16}$`)
	validName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,44}[a-z0-9])?$`) // with the farm at most 63, a host's name
)

// New returns a pool's provider. It calls nothing yet.
func New(c Config) (*Provider, error) {
	if err := c.Spec.Validate(); err != nil {
		return nil, err
	}
	if !validFarm.MatchString(c.Farm) {
		return nil, fault.New(fault.Invalid, "%q cannot tell farms apart", c.Farm)
	}
	if !validName.MatchString(c.Pool) {
		return nil, fault.WithHint(fault.New(fault.Invalid, "pool %q: pods cannot be named after it", c.Pool), "small letters, digits and dashes")
	}
	if c.Poll == 0 {
		c.Poll = time.Second
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Client == nil {
		var err error
		if c.Client, err = connect(&c.Spec); err != nil {
			return nil, err
		}
	}
	return &Provider{c: c, call: c.Client}, nil
}

// connect reads how the cluster is reached, as kubectl does, and in a pod of the cluster itself from there.
func connect(s *Spec) (Client, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = s.Config
	to, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &clientcmd.ConfigOverrides{CurrentContext: s.Context}).ClientConfig()
	if err != nil {
		return nil, fault.WithHint(fault.Wrap(fault.Invalid, err, "the cluster"), "name a file in the pool's kube.kubeconfig")
	}
	to.UserAgent = "spillway"
	to.QPS, to.Burst = 50, 100 // a pool may start hundreds at once
	out, err := client.NewForConfig(rest.AddUserAgent(to, "provider"))
	return out, fault.Wrap(fault.Invalid, err, "the cluster")
}

// Create asks for the node's pod, its token first.
func (p *Provider) Create(ctx context.Context, spec provider.Spec) (provider.Instance, error) {
	if !validName.MatchString(spec.Name) {
		return provider.Instance{}, fault.New(fault.Invalid, "%.70q cannot be the name of a pod", spec.Name)
	}
	have, err := p.find(ctx, spec.Name)
	if fault.KindOf(err) != fault.NotFound || err == nil {
		return have, err
	}
	if err := p.putToken(ctx, &spec); err != nil {
		return provider.Instance{}, err
	}
	_, err = p.pods().Create(ctx, p.pod(&spec), meta.CreateOptions{})
	if err != nil && !refused.IsAlreadyExists(err) {
		return provider.Instance{}, explain(err, "create pod "+p.podName(spec.Name))
	}
	return p.find(ctx, spec.Name)
}

// putToken writes the node's secret. One that is there is from a call whose pod was not made: the newest token counts.
func (p *Provider) putToken(ctx context.Context, spec *provider.Spec) error {
	secret := p.secret(spec)
	_, err := p.secrets().Create(ctx, secret, meta.CreateOptions{})
	if refused.IsAlreadyExists(err) {
		have, getErr := p.secrets().Get(ctx, secret.Name, meta.GetOptions{})
		switch {
		case getErr != nil:
			err = getErr
		case !p.ours(have.Labels):
			return foreign("secret", have.Name, have.Labels)
		default:
			_, err = p.secrets().Update(ctx, secret, meta.UpdateOptions{})
		}
	}
	return explain(err, "write the token of pod "+secret.Name)
}

// find returns a node's pod. NotFound: there is none.
func (p *Provider) find(ctx context.Context, node string) (provider.Instance, error) {
	pod, err := p.pods().Get(ctx, p.podName(node), meta.GetOptions{})
	switch {
	case refused.IsNotFound(err):
		return provider.Instance{}, fault.Wrap(fault.NotFound, err, "pod "+p.podName(node))
	case err != nil:
		return provider.Instance{}, explain(err, "look for pod "+p.podName(node))
	case !p.ours(pod.Labels) || pod.Labels[labelNode] != node:
		return provider.Instance{}, foreign("pod", pod.Name, pod.Labels)
	case pod.DeletionTimestamp != nil:
		return provider.Instance{}, fault.New(fault.Unavailable, "an earlier pod %s is still being deleted", pod.Name)
	}
	got := instance(pod)
	return got, got.Failure
}

// grace is what a pod's processes have to end in once it is deleted. Nothing on it is waited for any more.
const grace = 5

// Delete deletes the node's pod and waits until the cluster has it no more: its node has ended its processes then. A forced
// deletion would only make the cluster forget it.
func (p *Provider) Delete(ctx context.Context, name string) error {
	if !validName.MatchString(name) {
		return nil // none of that name can have been made
	}
	pod, err := p.pods().Get(ctx, p.podName(name), meta.GetOptions{})
	if refused.IsNotFound(err) {
		return p.dropSecret(ctx, name)
	}
	if err != nil {
		return explain(err, "look for pod "+p.podName(name))
	}
	if !p.ours(pod.Labels) {
		return foreign("pod", pod.Name, pod.Labels)
	}
	seconds := int64(grace)
	err = p.pods().Delete(ctx, pod.Name, meta.DeleteOptions{GracePeriodSeconds: &seconds, Preconditions: &meta.Preconditions{UID: &pod.UID}})
	if err != nil && !refused.IsNotFound(err) && !refused.IsConflict(err) {
		return explain(err, "delete pod "+pod.Name)
	}
	for {
		now, err := p.pods().Get(ctx, pod.Name, meta.GetOptions{})
		switch {
		case refused.IsNotFound(err) || err == nil && now.UID != pod.UID:
			return p.dropSecret(ctx, name)
		case err != nil && ctx.Err() == nil:
			return explain(err, "look whether pod "+pod.Name+" is gone")
		}
		select {
		case <-time.After(p.c.Poll):
		case <-ctx.Done():
			err := fault.New(fault.Unavailable, "pod %s on %s is still there, though it was deleted", pod.Name, pod.Spec.NodeName)
			return fault.WithHint(err, "if that node of the cluster is dead for certain: kubectl delete pod --force -n %s %s", p.c.Spec.Namespace, pod.Name)
		}
	}
}

// dropSecret deletes a node's secret if it is ours; the cluster does so by itself once its pod is gone, after a while.
func (p *Provider) dropSecret(ctx context.Context, node string) error {
	have, err := p.secrets().Get(ctx, p.podName(node), meta.GetOptions{})
	if err == nil && p.ours(have.Labels) {
		err = p.secrets().Delete(ctx, have.Name, meta.DeleteOptions{})
	}
	if refused.IsNotFound(err) {
		return nil
	}
	return explain(err, "delete the token of pod "+p.podName(node))
}

// List lists this pool's pods, and names whose secret alone is left.
func (p *Provider) List(ctx context.Context) ([]provider.Instance, error) {
	all := meta.ListOptions{LabelSelector: labelFarm + "=" + p.c.Farm + "," + labelPool + "=" + p.c.Pool}
	secrets, err := p.secrets().List(ctx, all) // first: a secret is older than its pod
	if err != nil {
		return nil, explain(err, "list the tokens")
	}
	pods, err := p.pods().List(ctx, all)
	if err != nil {
		return nil, explain(err, "list the pods")
	}
	var list []provider.Instance
	seen := map[string]bool{}
	for i := range pods.Items {
		list = append(list, instance(&pods.Items[i]))
		seen[pods.Items[i].Labels[labelNode]] = true
	}
	for i := range secrets.Items {
		if s := &secrets.Items[i]; !seen[s.Labels[labelNode]] {
			list = append(list, provider.Instance{Name: s.Labels[labelNode], Pool: p.c.Pool, ID: string(s.UID), Created: s.CreationTimestamp.Time})
		}
	}
	return list, nil
}

func (p *Provider) pods() client.PodInterface       { return p.call.Pods(p.c.Spec.Namespace) }
func (p *Provider) secrets() client.SecretInterface { return p.call.Secrets(p.c.Spec.Namespace) }
func (p *Provider) podName(node string) string      { return node + "-" + p.c.Farm }

// ours reports whether something was made by this farm for this pool.
func (p *Provider) ours(labels map[string]string) bool {
	return labels[labelFarm] == p.c.Farm && labels[labelPool] == p.c.Pool
}

func foreign(kind, name string, labels map[string]string) error {
	err := fault.New(fault.Invalid, "the %s %s is not this pool's: its labels say farm %q, pool %q, node %q",
		kind, name, labels[labelFarm], labels[labelPool], labels[labelNode])
	return fault.WithHint(err, "rename the pool, or give it a namespace of its own")
}

// instance is a pod as the server knows it.
func instance(pod *core.Pod) provider.Instance {
	i := provider.Instance{
		Name: pod.Labels[labelNode], Pool: pod.Labels[labelPool], ID: string(pod.UID), Created: pod.CreationTimestamp.Time,
		Running: pod.Status.Phase == core.PodRunning || pod.Status.Phase == core.PodPending || pod.Status.Phase == "",
	}
	switch pod.Status.Phase {
	case core.PodFailed:
		i.Failure = fault.New(fault.Unavailable, "pod %s failed: %s %s", pod.Name, pod.Status.Reason, pod.Status.Message)
	case core.PodSucceeded:
		i.Failure = fault.New(fault.Unavailable, "the agent of pod %s has ended", pod.Name)
	default:
		for _, c := range pod.Status.ContainerStatuses {
			if w := c.State.Waiting; w != nil && hopeless[w.Reason] {
				i.Running, i.Failure = false, fault.New(fault.Invalid, "pod %s cannot start: %s: %s", pod.Name, w.Reason, w.Message)
			}
		}
	}
	return i
}

// hopeless are the reasons to wait for which waiting does not help.
var hopeless = map[string]bool{"InvalidImageName": true, "ErrImageNeverPull": true, "CreateContainerConfigError": true}
