import { keepPreviousData, QueryClient, queryOptions, useQueries, useQuery } from "@tanstack/react-query";

import { addSample, overWAN, type Sample } from "../traffic";
import { get, Refusal } from "./client";
import type { Attempt, Decision, FarmNode, Filer, Job, Picture, Pool, Summary, UnitPage, Why } from "./types";

// The event stream says when something changed; what follows is loaded again then. The intervals are for what makes no
// events: progress, traffic, forecasts.
const often = 2_000;
const seldom = 15_000;

/** unitsAtOnce bounds the started tasks of a step that are loaded and shown. */
export const unitsAtOnce = 20_000;

export const newQueryClient = (): QueryClient =>
  new QueryClient({
    defaultOptions: {
      queries: {
        // A part of the farm that is away comes back; a wrong token or an unknown id does not.
        retry: (failures, error) => failures < 3 && !(error instanceof Refusal && error.status >= 400 && error.status < 500),
        staleTime: 1_000,
        placeholderData: keepPreviousData,
        refetchOnWindowFocus: true,
      },
    },
  });

export const useSummary = () => useQuery({ queryKey: ["summary"], queryFn: ({ signal }) => get<Summary>("/summary", signal), refetchInterval: seldom });

export const useJobs = () =>
  useQuery({ queryKey: ["jobs"], queryFn: async ({ signal }) => (await get<{ jobs: Job[] }>("/jobs?limit=1000", signal)).jobs, refetchInterval: seldom });

const jobOptions = (id: string) =>
  queryOptions({ queryKey: ["job", id], queryFn: ({ signal }) => get<Job>(`/jobs/${encodeURIComponent(id)}`, signal), placeholderData: undefined });

export const useJob = (id: string, enabled = true) => useQuery({ ...jobOptions(id), refetchInterval: seldom, enabled });

/** mostNamed bounds how many jobs are loaded only to name their tasks. */
const mostNamed = 24;

/** useNamedJobs loads the jobs that nodes work on or events tell of: only a whole job says how its tasks are numbered. */
export const useNamedJobs = (ids: readonly (string | undefined)[]): ReadonlyMap<string, Job> => {
  const wanted = [...new Set(ids.filter((id) => id !== undefined))].slice(0, mostNamed);
  return useQueries({
    queries: wanted.map((id) => ({ ...jobOptions(id), staleTime: Infinity })),
    combine: (results) => new Map(results.flatMap(({ data }) => (data ? [[data.id, data] as const] : []))),
  });
};

export const useUnits = (id: string, step: number, live: boolean) =>
  useQuery({
    queryKey: ["units", id, step],
    queryFn: ({ signal }) => get<UnitPage>(`/jobs/${encodeURIComponent(id)}/units?step=${step}&limit=${unitsAtOnce}`, signal),
    refetchInterval: live ? often : false,
    placeholderData: undefined,
  });

export const useAttempts = (id: string, step: number, unit: number) =>
  useQuery({
    queryKey: ["attempts", id, step, unit],
    queryFn: async ({ signal }) => (await get<{ attempts: Attempt[] }>(`/jobs/${encodeURIComponent(id)}/attempts?step=${step}&unit=${unit}`, signal)).attempts,
    refetchInterval: seldom,
    placeholderData: undefined,
  });

export const useWhy = (id: string, enabled: boolean) =>
  useQuery({ queryKey: ["job", id, "why"], queryFn: ({ signal }) => get<Why>(`/jobs/${encodeURIComponent(id)}/why`, signal), refetchInterval: seldom, enabled, placeholderData: undefined });

export const usePictures = (id: string) =>
  useQuery({ queryKey: ["pictures", id], queryFn: async ({ signal }) => (await get<{ pictures: Picture[] }>(`/jobs/${encodeURIComponent(id)}/pictures?limit=48`, signal)).pictures, placeholderData: undefined });

export const useNodes = () =>
  useQuery({ queryKey: ["nodes"], queryFn: async ({ signal }) => (await get<{ nodes: FarmNode[] }>("/nodes", signal)).nodes, refetchInterval: often });

export const usePools = () => useQuery({ queryKey: ["pools"], queryFn: async ({ signal }) => (await get<{ pools: Pool[] }>("/pools", signal)).pools, refetchInterval: seldom });

export const useDecisions = () =>
  useQuery({ queryKey: ["decisions"], queryFn: async ({ signal }) => (await get<{ decisions: Decision[] }>("/decisions?limit=50", signal)).decisions, refetchInterval: seldom });

/** Storage is the filers now and what crossed the wide-area link lately. */
export interface Storage {
  filers: Filer[];
  wan: readonly Sample[];
}

export const useStorage = () =>
  useQuery({
    queryKey: ["filers"],
    queryFn: async ({ signal, client }): Promise<Storage> => {
      const { filers } = await get<{ filers: Filer[] }>("/filers", signal);
      const before = client.getQueryData<Storage>(["filers"])?.wan ?? [];
      return { filers, wan: addSample(before, { at: Date.now(), bytes: overWAN(filers) }) };
    },
    refetchInterval: 3_000,
  });
