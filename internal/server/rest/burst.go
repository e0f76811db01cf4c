package rest

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/spillway/spillway/api/restv1"
	"github.com/spillway/spillway/internal/access"
)

// WhatIf is what a forecast supposes; at most one of its fields is set.
type WhatIf struct {
	By         time.Time // it is to be done by then
	Allow      *float64  // it may cost so much more than without it, and is to be done as soon as can be
	OnPremOnly bool      // nothing is rented
}

type forecastQuery struct {
	ID         string    `path:"id" maxLength:"64"`
	By         time.Time `query:"by" doc:"If it were to be done by then."`
	Allow      float64   `query:"allow" minimum:"-1" default:"-1" doc:"If it might cost so much more than without it, and were to be done as soon as can be. Negative: does not matter."`
	OnPremOnly bool      `query:"onPremOnly" doc:"If nothing were rented."`
}

type poolStop struct {
	ID   string `path:"id" maxLength:"128"`
	Body restv1.PoolStop
}

func (p *poolStop) told() any { return p.Body }

type poolsStop struct{ Body restv1.PoolStop }

func (p *poolsStop) told() any { return p.Body }

func (s *server) burstRoutes(api huma.API) {
	endpoint(s, api, http.MethodGet, "/jobs/{id}/forecast", "When will it be done, what will it cost, and what if", func(ctx context.Context, in *forecastQuery) (restv1.Prospect, error) {
		q := WhatIf{By: in.By, OnPremOnly: in.OnPremOnly}
		if in.Allow >= 0 {
			q.Allow = &in.Allow
		}
		return s.Fleet.Forecast(ctx, in.ID, q)
	}, needs(access.SeeJobs))
	endpoint(s, api, http.MethodPost, "/pools/{id}/stop", "Stop a pool, or let it go on", func(ctx context.Context, in *poolStop) (restv1.PoolList, error) {
		pools, err := s.stopPools(ctx, in.ID, in.Body)
		return restv1.PoolList{Pools: some(pools)}, err
	}, needs(access.RunFarm), audited("pool stop"))
	endpoint(s, api, http.MethodPost, "/pools/stop", "Stop all pools, or let them go on", func(ctx context.Context, in *poolsStop) (restv1.PoolList, error) {
		pools, err := s.stopPools(ctx, "", in.Body)
		return restv1.PoolList{Pools: some(pools)}, err
	}, needs(access.RunFarm), audited("pool stop"))
}

func (s *server) stopPools(ctx context.Context, id string, c restv1.PoolStop) ([]restv1.Pool, error) {
	if !c.Stopped {
		ctx = doing(ctx, "pool start")
	}
	return s.Fleet.StopPools(ctx, id, c)
}
