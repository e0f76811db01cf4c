import type { Decision, Job, Pool } from "../api/types";
import { useDecisions, usePools } from "../api/queries";
import { clock, exact, money, percent } from "../format";
import { Panel } from "./panel";

/** Burst shows the elastic pools and each decision about them with its reason. */
export function Burst({ job, currency }: { job: Job | undefined; currency: string | undefined }) {
  const pools = usePools().data ?? [];
  const decisions = useDecisions().data ?? [];
  if (pools.length === 0) return null;
  const priming = job?.priming?.filter((p) => p.state === "running" || p.state === "wanted") ?? [];
  return (
    <Panel title="Burst" className="burst">
      {pools.map((p) => (
        <PoolRow key={p.id} pool={p} currency={currency} />
      ))}
      {priming.map((p) => (
        <p key={p.filer} className="priming">
          <span>priming {p.filer}</span>
          <span className="meter" aria-hidden="true">
            <i style={{ width: `${p.bytes > 0 ? (100 * p.bytesDone) / p.bytes : 0}%` }} />
          </span>
          <span className="num">{percent(p.bytesDone, p.bytes)}</span>
        </p>
      ))}
      <ol className="decisions">
        {decisions.slice(0, 12).map((d) => (
          <DecisionRow key={d.id} decision={d} />
        ))}
      </ol>
      {decisions.length === 0 && <p className="faint pad">No decision yet: home has been enough.</p>}
    </Panel>
  );
}

function PoolRow({ pool: p, currency }: { pool: Pool; currency: string | undefined }) {
  return (
    <div className="pool" title={p.reason}>
      <b>{p.id}</b>
      <span className="faint">{p.site}</span>
      <span className="slots" role="img" aria-label={`${p.actual} nodes, ${p.wanted} wanted, at most ${p.max}`}>
        {p.max <= 32 && Array.from({ length: p.max }, (_, i) => <i key={i} className={i < p.actual ? "is-there" : i < p.wanted ? "is-wanted" : ""} />)}
      </span>
      <span className="num">
        {p.actual}
        <span className="faint"> of {p.wanted} wanted</span>
      </span>
      {p.stopped && <span className="is-failed">stopped by hand</span>}
      {p.price ? <span className="faint">{money(p.price, currency)}/h each</span> : null}
    </div>
  );
}

function DecisionRow({ decision: d }: { decision: Decision }) {
  const way = d.want > d.have ? "up" : d.want < d.have ? "down" : "same";
  return (
    <li>
      <time title={exact(d.at)}>{clock(d.at)}</time>
      <b className={`way-${way}`} title={`${d.have} nodes, ${d.want} wanted`}>
        {d.have} → {d.want}
      </b>
      <span>
        {d.reason}
        {d.cap && <span className="faint"> · {d.cap}</span>}
      </span>
    </li>
  );
}
