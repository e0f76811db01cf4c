import type { Counts, UnitState } from "./api/types";

/** Every state a unit, attempt, node or job can be in, as the page shows it: one of nine looks, each with its own icon. */
export type Look = "pending" | "assigned" | "running" | "landing" | "fencing" | "succeeded" | "failed" | "canceled" | "paused";

const looks: Record<string, Look> = {
  pending: "pending",
  wanted: "pending",
  creating: "assigned",
  starting: "assigned",
  assigned: "assigned",
  warming: "assigned",
  ordered: "assigned",
  running: "running",
  active: "running",
  canceling: "canceled",
  landing: "landing",
  draining: "landing",
  fencing: "fencing",
  lost: "fencing",
  succeeded: "succeeded",
  done: "succeeded",
  online: "succeeded",
  failed: "failed",
  offline: "canceled",
  deleting: "canceled",
  deleted: "canceled",
  canceled: "canceled",
  paused: "paused",
};

export const lookOf = (state: string): Look => looks[state] ?? "pending";

/** unitStates in the order in which work passes through them; bars and legends follow it. */
export const unitStates: readonly UnitState[] = ["succeeded", "landing", "running", "assigned", "fencing", "failed", "canceled", "pending"];

/** unitStateOf says what an attempt's new state makes of its unit, as far as that is certain. */
export function unitStateOf(attemptState: string): UnitState | undefined {
  switch (attemptState) {
    case "warming":
    case "ordered":
      return "assigned";
    case "running":
    case "canceling":
      return "running";
    case "landing":
    case "fencing":
    case "succeeded":
    case "failed":
    case "canceled":
      return attemptState;
    case "lost":
      return "pending";
  }
  return undefined;
}

export const noCounts: Counts = { pending: 0, assigned: 0, running: 0, landing: 0, fencing: 0, succeeded: 0, failed: 0, canceled: 0 };

/** sum adds counts. */
export function sum(list: readonly Counts[]): Counts {
  const total = { ...noCounts };
  for (const c of list) for (const s of unitStates) total[s] += c[s];
  return total;
}

/** jobLook tells an active job that runs from one that waits. */
export const jobLook = (state: string, c: Counts): Look => (state === "active" && c.running + c.assigned + c.landing + c.fencing === 0 ? "assigned" : lookOf(state));

export const totalOf = (c: Counts): number => unitStates.reduce((n, s) => n + c[s], 0);

export const isOver = (jobState: string): boolean => jobState === "succeeded" || jobState === "failed" || jobState === "canceled";
