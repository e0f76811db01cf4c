import type { FarmEvent, Job } from "../api/types";
import { useNamedJobs } from "../api/queries";
import { StateIcon } from "../icon";
import { clock, exact } from "../format";
import { frameOf, nounOf } from "../frames";
import { useLive } from "../live/live";
import { lookOf, type Look } from "../states";
import { Panel } from "./panel";

/** Feed is the farm's history, newest first, each line with its reason. */
export function Feed({ onPick }: { onPick: (job: string, step: number, unit: number) => void }) {
  const { events } = useLive();
  const jobs = useNamedJobs(events.map((e) => e.job));
  return (
    <Panel title="Events" className="feed">
      <ol className="scroll" tabIndex={0} aria-label="Events">
        {events.map((e) => (
          <li key={e.seq}>
            <time title={exact(e.at)}>{clock(e.at)}</time>
            <span className={`is-${look(e)}`}>
              <StateIcon look={look(e)} />
            </span>
            <Line event={e} job={jobs.get(e.job ?? "")} onPick={onPick} />
          </li>
        ))}
      </ol>
      {events.length === 0 && <p className="faint pad">Nothing has happened yet.</p>}
    </Panel>
  );
}

const look = (e: FarmEvent): Look => (e.kind === "pool" ? "assigned" : lookOf(e.to ?? ""));

function Line({ event: e, job, onPick }: { event: FarmEvent; job: Job | undefined; onPick: (job: string, step: number, unit: number) => void }) {
  const { job: id, step = 0, unit = 0 } = e;
  const about = subject(e, job);
  return (
    <p>
      {id && (e.kind === "attempt" || e.kind === "unit") ? (
        <button type="button" className="link" onClick={() => onPick(id, step, unit)}>
          {about}
        </button>
      ) : (
        <b>{about}</b>
      )}{" "}
      {e.kind === "pool" ? `${e.from ?? "0"} → ${e.to ?? "0"}` : e.to}
      {e.kind === "attempt" && e.node && !e.reason.includes(e.node) && <span> on {e.node}</span>}
      {e.reason && <span className="faint"> · {e.reason}</span>}
    </p>
  );
}

/** subject names what an event is about. */
function subject(e: FarmEvent, job: Job | undefined): string {
  switch (e.kind) {
    case "attempt":
    case "unit": {
      const step = job?.steps[e.step ?? 0];
      if (!step) return `task ${e.unit ?? 0}`;
      return step.units === 1 ? step.name : `${nounOf(step)} ${frameOf(step, e.unit ?? 0)}`;
    }
    case "node":
      return e.node ?? "node";
    case "pool":
      return `pool ${e.pool ?? ""}`;
    case "job":
      return job?.name ?? "job";
    case "fence":
      return `fence ${e.node ?? ""}`;
  }
  return e.kind;
}
