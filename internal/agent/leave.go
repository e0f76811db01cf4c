package agent

import (
	"context"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	agentv1 "github.com/spillway/spillway/api/spillway/agent/v1"
	"github.com/spillway/spillway/internal/agent/notice"
)

// hear waits for the cloud's word that it takes this machine away. From then on the node takes nothing new.
func (n *node) hear(ctx context.Context, cloud *notice.Azure) {
	event, err := cloud.Wait(ctx)
	if err != nil {
		return // the agent ends
	}
	n.mu.Lock()
	n.draining, n.event = true, event
	n.mu.Unlock()
	n.log.Warn(event.Reason(), "event", event.ID)
	n.sayDraining(event.Reason(), time.Until(event.Before))
	close(n.heard)
}

func (n *node) sayDraining(reason string, within time.Duration) {
	n.out.put("draining", &agentv1.Report{Report: &agentv1.Report_Draining{Draining: &agentv1.Draining{
		Reason: reason, Deadline: durationpb.New(max(0, within)),
	}}})
}

// warned reports whether the machine is about to be taken away.
func (n *node) warned() bool {
	select {
	case <-n.heard:
		return true
	default:
		return false
	}
}

// leave uses the time that is left: what can end within half of it ends, the rest is ended while there is time to tell. Then
// the machine may go at once, for it is paid for until it has.
func (n *node) leave(cloud *notice.Azure) {
	ctx, cancel := context.WithDeadline(n.ctx, time.Now().Add(time.Until(n.event.Before)/2))
	n.await(ctx, n.idle)
	cancel()
	n.tearDown(n.event.Reason())
	if err := cloud.Approve(n.ctx, n.event); err != nil {
		n.log.Warn("the machine could not be let go early", "error", err)
	}
}
