import type { ReactNode } from "react";

import { useStorage, useSummary } from "../api/queries";
import { bytes, count, exact, money, percent, whole } from "../format";
import { useNow } from "../live/clock";
import { useLive } from "../live/live";
import { hitRate, overWAN, rates } from "../traffic";

/** Header is the farm now, in one line. */
export function Header({ onHelp, onTheme }: { onHelp: () => void; onTheme: () => void }) {
  const summary = useSummary().data;
  const storage = useStorage().data;
  const wan = storage ? rates(storage.wan) : [];
  const cache = storage ? hitRate(storage.filers) : undefined;
  return (
    <header className="header">
      <h1 className="brand">
        <svg viewBox="0 0 32 22" aria-hidden="true">
          <path d="M2 3h12c7 0 6 15 14 15" />
          <path d="M2 11h7c6 0 6 8 12 8" opacity=".5" />
        </svg>
        Spillway
      </h1>
      {summary && (
        <dl className="now">
          <Figure name="running" value={count(summary.units.running + summary.units.assigned)} title="Tasks on nodes" />
          <Figure name="queued" value={count(summary.units.pending)} title="Tasks that wait" />
          {summary.units.landing + summary.units.fencing > 0 && (
            <Figure name="landing" value={count(summary.units.landing + summary.units.fencing)} title="Tasks whose files are on their way to the storage" />
          )}
          {summary.units.failed > 0 && <Figure name="failed" value={count(summary.units.failed)} tone="failed" title="Failed tasks of jobs that are not over" />}
          {summary.sites.map((s) => (
            <Figure key={s.site} name={s.site} value={`${s.busy}/${s.online}`} title={`${s.site}: ${s.busy} of ${s.online} online nodes work; ${s.nodes} nodes in all`} />
          ))}
          {storage && storage.filers.some((f) => f.parent) && (
            <Figure name="WAN" value={`${bytes(wan.at(-1) ?? 0)}/s`} title={`${bytes(overWAN(storage.filers))} in all`}>
              {wan.length > 1 && <Spark values={wan} />}
            </Figure>
          )}
          {cache && cache.served > 0 && (
            <Figure name="cache hits" value={percent(cache.hits, cache.served)} title={`${bytes(cache.hits)} of ${bytes(cache.served)} came from the caches of rented sites`} />
          )}
          {(summary.cost.perHour > 0 || summary.cost.today > 0) && (
            <Figure name="per hour" value={money(summary.cost.perHour, summary.currency)} title={`${money(summary.cost.today, summary.currency)} today`} />
          )}
        </dl>
      )}
      <div className="tools">
        <Freshness />
        <button type="button" className="tool" onClick={onTheme} title="Dark or light (t)" aria-label="Switch between dark and light">
          <svg viewBox="0 0 16 16" aria-hidden="true">
            <circle cx="8" cy="8" r="5.5" fill="none" stroke="currentColor" strokeWidth="1.5" />
            <path d="M8 2.5a5.5 5.5 0 0 1 0 11Z" fill="currentColor" />
          </svg>
        </button>
        <button type="button" className="tool" onClick={onHelp} title="Keys (?)" aria-label="Show the keys">
          ?
        </button>
      </div>
    </header>
  );
}

function Figure({ name, value, title, tone, children }: { name: string; value: string; title: string; tone?: string; children?: ReactNode }) {
  return (
    <div className={`figure ${tone ? `is-${tone}` : ""}`} title={title}>
      <dt>{name}</dt>
      <dd>
        {value}
        {children}
      </dd>
    </div>
  );
}

/** Spark draws the last minutes as a line; its top is the highest value. */
function Spark({ values }: { values: readonly number[] }) {
  const top = Math.max(1, ...values);
  const points = values.map((v, i) => `${(i * 48) / Math.max(1, values.length - 1)},${13 - (12 * v) / top}`).join(" ");
  return (
    <svg className="spark" viewBox="0 0 48 14" preserveAspectRatio="none" aria-hidden="true">
      <polyline points={points} />
    </svg>
  );
}

/** Freshness says whether what is on the screen is of now. */
function Freshness() {
  const live = useLive();
  const now = useNow();
  if (live.connected) {
    return (
      <span className="fresh" title="Changes are shown as they happen">
        <i className="pulse" /> live
      </span>
    );
  }
  const age = live.heard ? `no word for ${whole(Math.max(0, now - live.heard) / 1000)}` : "connecting";
  return (
    <span className="fresh is-stale" role="status" title={live.heard ? `Last word from the server: ${exact(new Date(live.heard).toISOString())}` : ""}>
      <i className="pulse" /> {age}
    </span>
  );
}
