// What an event changes on the screen, as pure functions: the page is right at once, and the next answer of the server,
// asked for moments later, has the last word.
import type { FarmEvent, Unit, UnitPage, UnitState } from "../api/types";
import { unitStateOf } from "../states";

/** keptEvents bounds the feed. */
export const keptEvents = 200;

/** pushEvents puts new events before older ones; what came twice after a break of the line is shown once. */
export function pushEvents(feed: readonly FarmEvent[], fresh: readonly FarmEvent[]): readonly FarmEvent[] {
  const newest = feed[0]?.seq ?? 0;
  const more = fresh.filter((e) => e.seq > newest);
  if (more.length === 0) return feed;
  return [...more.reverse(), ...feed].slice(0, keptEvents);
}

/** applyToUnits changes the units of one step as the event says; the same page comes back if it does not concern it. */
export function applyToUnits(page: UnitPage, job: string, event: FarmEvent, siteOf: (node: string) => string | undefined): UnitPage {
  if (event.job !== job || (event.step ?? 0) !== page.step || !event.to) return page;
  const state = event.kind === "attempt" ? unitStateOf(event.to) : event.kind === "unit" ? (event.to as UnitState) : undefined;
  if (!state) return page;
  const index = event.unit ?? 0;
  const at = lowerBound(page.units, index);
  const known = page.units[at]?.unit === index ? page.units[at] : undefined;
  if (known?.attempt && event.attempt && known.attempt !== event.attempt && !startsAnew(event.to)) return page; // of an older attempt
  const next = changed(known, index, state, event, siteOf);
  const units = [...page.units];
  units.splice(at, known ? 1 : 0, next);
  const counts = { ...page.counts };
  counts[known?.state ?? "pending"]--;
  counts[state]++;
  return { ...page, units, counts };
}

function changed(known: Unit | undefined, index: number, state: UnitState, event: FarmEvent, siteOf: (node: string) => string | undefined): Unit {
  const sameAttempt = !event.attempt || known?.attempt === event.attempt;
  const site = event.node ? siteOf(event.node) : undefined;
  return {
    ...(sameAttempt ? known : {}),
    unit: index,
    state,
    reason: event.reason,
    ...(event.kind === "attempt" ? { attemptState: event.to } : {}),
    ...(event.attempt ? { attempt: event.attempt } : {}),
    ...(event.node ? { node: event.node } : {}),
    ...(site ? { site } : {}),
    ...(state === "running" ? {} : { progress: state === "succeeded" ? 1 : 0 }),
  };
}

/** startsAnew tells a new attempt's first states from an old one's last. */
const startsAnew = (to: string): boolean => to === "warming" || to === "ordered" || to === "running";

/** lowerBound finds where a unit stands, or would stand, in a list ordered by index. */
export function lowerBound(units: readonly Unit[], index: number): number {
  let low = 0;
  let high = units.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((units[middle]?.unit ?? Infinity) < index) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** What a screen loads again after an event. */
export type Topic = "summary" | "jobs" | "job" | "units" | "attempts" | "pictures" | "nodes" | "pools" | "decisions" | "filers";

/** topicsOf says what an event may have changed beyond what applyToUnits does. */
export function topicsOf(event: FarmEvent): readonly Topic[] {
  switch (event.kind) {
    case "attempt":
    case "unit":
      return event.to === "succeeded" ? ["summary", "jobs", "job", "units", "attempts", "nodes", "pictures"] : ["summary", "jobs", "job", "units", "attempts", "nodes"];
    case "job":
      return ["summary", "jobs", "job", "units"];
    case "node":
      return ["summary", "nodes", "pools"];
    case "pool":
      return ["pools", "decisions"];
    case "priming":
      return ["job", "filers"];
    case "receipt":
      return ["attempts", "pictures"];
    case "fence":
      return ["nodes", "attempts"];
  }
  return [];
}

const passing = new Set(["warming", "ordered", "landing", "canceling"]);

/** worthTelling keeps the feed to what a person wants to read: not every step on the way. */
export function worthTelling(event: FarmEvent): boolean {
  switch (event.kind) {
    case "unit":
      return event.to === "failed" && !event.attempt;
    case "attempt":
      return !passing.has(event.to ?? "");
    case "receipt":
      return false;
  }
  return true;
}
