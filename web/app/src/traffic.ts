import type { Filer } from "./api/types";

/** Sample is what had crossed the wide-area link at a moment (milliseconds, bytes). */
export interface Sample {
  at: number;
  bytes: number;
}

const keptSamples = 60;

/** overWAN adds up what filers behind another filer have read through it and written back. */
export const overWAN = (filers: readonly Filer[]): number =>
  filers.filter((f) => f.parent).reduce((n, f) => n + f.traffic.readDemand + f.traffic.readAhead + f.traffic.readPrimed + f.traffic.written, 0);

/** addSample appends a reading; counters that went back (a filer lost its cache) start anew. */
export function addSample(samples: readonly Sample[], next: Sample): readonly Sample[] {
  const last = samples.at(-1);
  if (last && next.bytes < last.bytes) return [next];
  return [...samples, next].slice(-keptSamples);
}

/** rates are bytes per second between samples, oldest first. */
export const rates = (samples: readonly Sample[]): number[] =>
  samples.slice(1).map((s, i) => {
    const before = samples[i] ?? s;
    return s.at > before.at ? (1000 * (s.bytes - before.bytes)) / (s.at - before.at) : 0;
  });

/** hitRate is the part of READ bytes that caches answered, over all filers that clients of rented nodes use. */
export function hitRate(filers: readonly Filer[]): { hits: number; served: number } {
  const far = filers.filter((f) => f.parent);
  return {
    hits: far.reduce((n, f) => n + f.traffic.servedFromHit, 0),
    served: far.reduce((n, f) => n + f.traffic.served, 0),
  };
}
