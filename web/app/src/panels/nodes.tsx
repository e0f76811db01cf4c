import type { FarmNode, Filer, Job } from "../api/types";
import { useNamedJobs, useNodes, useStorage } from "../api/queries";
import { StateIcon } from "../icon";
import { ago, bytes, exact } from "../format";
import { frameOf } from "../frames";
import { useNow } from "../live/clock";
import { lookOf } from "../states";
import { Command, Panel } from "./panel";

/** Nodes shows every machine, by site, with its filer. */
export function Nodes({ onPick }: { onPick: (job: string, step: number, unit: number) => void }) {
  const nodes = useNodes().data;
  const filers = useStorage().data?.filers ?? [];
  const jobs = useNamedJobs(nodes?.map((n) => n.work[0]?.job) ?? []);
  const sites = [...new Set(nodes?.map((n) => n.site))];
  return (
    <Panel title="Nodes" aside={nodes?.length ?? ""} className="nodes">
      {nodes?.length === 0 && (
        <div className="empty">
          <p>No node has joined yet. On a machine that should render:</p>
          <Command text="spillway agent --help" />
        </div>
      )}
      {sites.map((site) => (
        <div key={site} className="site">
          <div className="site-head">
            <h3>{site}</h3>
            {filers.filter((f) => f.sites?.includes(site)).map((f) => <FilerTag key={f.name} filer={f} />)}
          </div>
          <ul>
            {nodes?.filter((n) => n.site === site).map((n) => <NodeRow key={n.id} node={n} jobs={jobs} onPick={onPick} />)}
          </ul>
        </div>
      ))}
    </Panel>
  );
}

function NodeRow({ node, jobs, onPick }: { node: FarmNode; jobs: ReadonlyMap<string, Job>; onPick: (job: string, step: number, unit: number) => void }) {
  const now = useNow();
  const work = node.work[0];
  const step = jobs.get(work?.job ?? "")?.steps[work?.step ?? 0];
  return (
    <li className="node" title={`${node.state}: ${node.reason}${node.lastSeen ? ` – seen ${exact(node.lastSeen)}` : ""}`}>
      <span className={`is-${lookOf(node.state)}`}>
        <StateIcon look={lookOf(node.state)} />
      </span>
      <span className="node-name">{node.id}</span>
      {work ? (
        <button type="button" className="work link" onClick={() => onPick(work.job, work.step, work.unit)}>
          <span className="name" title={work.jobName}>
            {step && <b>{step.units === 1 ? step.name : frameOf(step, work.unit)}</b>} {work.jobName}
            {node.work.length > 1 && ` +${node.work.length - 1}`}
          </span>
          <span className="meter" aria-hidden="true">
            <i style={{ width: `${100 * (work.progress ?? 0)}%` }} />
          </span>
          <span className="num">{Math.floor(100 * (work.progress ?? 0))} %</span>
        </button>
      ) : (
        <span className="work faint">
          {node.state === "online" ? "idle" : node.state}
          <span className="num">{ago(node.lastSeen ?? node.created, now)}</span>
        </span>
      )}
    </li>
  );
}

function FilerTag({ filer: f }: { filer: Filer }) {
  if (!f.ok) {
    return (
      <span className="filer is-failed" title={f.error}>
        <StateIcon look="failed" /> filer {f.name} does not answer
      </span>
    );
  }
  return (
    <span className="filer faint" title={`${bytes(f.cacheUsed)} of ${bytes(f.cacheCapacity)} cached, ${f.sessions} mount sessions`}>
      filer {f.name}
      {f.cacheUsed > 0 && `, ${bytes(f.cacheUsed)} cached`}
      {f.dirtyBytes > 0 && `, ${bytes(f.dirtyBytes)} to land`}
    </span>
  );
}
