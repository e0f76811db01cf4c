package rest

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/spillway/spillway/api/restv1"
	"github.com/spillway/spillway/internal/access"
)

type attemptPath struct {
	ID string `path:"id" maxLength:"64"`
}

type nodesQuery struct {
	All bool `query:"all" doc:"Deleted ones too."`
}

type nodePath struct {
	ID string `path:"id" maxLength:"128"`
}

type poolPath struct {
	ID string `path:"id" maxLength:"128"`
}

type autoscaleRequest struct {
	ID   string `path:"id" maxLength:"128"`
	Body restv1.AutoscaleRequest
}

type tokenRequest struct{ Body restv1.TokenRequest }

func (c *tokenRequest) told() any { return c.Body }

type limitQuery struct {
	Limit int `query:"limit" minimum:"1" maximum:"1000" default:"100"`
}

func (s *server) fleetRoutes(api huma.API) {
	endpoint(s, api, http.MethodGet, "/summary", "The farm now", func(ctx context.Context, _ *struct{}) (restv1.Summary, error) {
		sum, err := s.Fleet.Summary(ctx)
		sum.Sites, sum.Version = some(sum.Sites), s.Version
		return sum, err
	}, needs(access.SeeFarm))
	endpoint(s, api, http.MethodGet, "/attempts/{id}", "Show an attempt", func(ctx context.Context, in *attemptPath) (restv1.Attempt, error) {
		return s.Fleet.Attempt(ctx, in.ID)
	}, needs(access.SeeJobs))
	endpoint(s, api, http.MethodGet, "/nodes", "List nodes", func(ctx context.Context, in *nodesQuery) (restv1.NodeList, error) {
		nodes, err := s.Fleet.Nodes(ctx, in.All)
		out := make([]restv1.Node, len(nodes))
		for i, n := range nodes {
			n.Work = some(n.Work)
			out[i] = n
		}
		return restv1.NodeList{Nodes: out}, err
	}, needs(access.SeeFarm))
	for verb, says := range map[string]string{
		"drain": "Give a node nothing new", "resume": "Give a drained node work again", "release": "End a node's quarantine, and forget what it failed",
	} {
		endpoint(s, api, http.MethodPost, "/nodes/{id}/"+verb, says, func(ctx context.Context, in *nodePath) (restv1.Node, error) {
			n, err := s.Fleet.ChangeNode(ctx, in.ID, verb)
			n.Work = some(n.Work)
			return n, err
		}, needs(access.RunFarm), audited("node "+verb))
	}
	endpoint(s, api, http.MethodGet, "/pools", "List elastic pools", func(ctx context.Context, _ *struct{}) (restv1.PoolList, error) {
		pools, err := s.Fleet.Pools(ctx)
		return restv1.PoolList{Pools: some(pools)}, err
	}, needs(access.SeeFarm))
	endpoint(s, api, http.MethodPost, "/pools/{id}/autoscale/evaluate", "Evaluate an autoscale formula, changing nothing", func(ctx context.Context, in *autoscaleRequest) (restv1.AutoscaleRun, error) {
		return s.Fleet.EvaluateAutoscale(ctx, in.ID, in.Body)
	}, needs(access.SeeFarm), unaudited)
	endpoint(s, api, http.MethodGet, "/pools/{id}/autoscale/samples", "List the samples that a pool's formula sees, oldest first", func(ctx context.Context, in *poolPath) (restv1.AutoscaleSampleList, error) {
		list, err := s.Fleet.AutoscaleSamples(ctx, in.ID)
		return restv1.AutoscaleSampleList{Samples: some(list)}, err
	}, needs(access.SeeFarm))
	endpoint(s, api, http.MethodGet, "/decisions", "List the burst planner's decisions, newest first", func(ctx context.Context, in *limitQuery) (restv1.DecisionList, error) {
		list, err := s.Fleet.Decisions(ctx, in.Limit)
		return restv1.DecisionList{Decisions: some(list)}, err
	}, needs(access.SeeFarm))
	endpoint(s, api, http.MethodGet, "/filers", "Status of the filers", func(ctx context.Context, _ *struct{}) (restv1.FilerList, error) {
		list, err := s.Fleet.Filers(ctx)
		return restv1.FilerList{Filers: some(list)}, err
	}, needs(access.SeeFarm))
	endpoint(s, api, http.MethodPost, "/tokens", "Make a join token", func(ctx context.Context, in *tokenRequest) (restv1.Token, error) {
		return s.Fleet.MintToken(ctx, in.Body)
	}, needs(access.Admit), audited("token create"), func(op *huma.Operation) { op.DefaultStatus = http.StatusCreated })
}
