import { useState, type ReactNode } from "react";

import type { Job, Priming } from "../api/types";
import { post } from "../api/client";
import { useJob, useWhy } from "../api/queries";
import { State } from "../icon";
import { ago, between, bytes, clock, exact, percent, whole } from "../format";
import { useNow } from "../live/clock";
import { isOver, jobLook, sum, totalOf } from "../states";
import type { View } from "../view";
import { FrameDetail } from "./frame";
import { StepGrid } from "./grid";

/** JobPanel is one job: how it stands, its frames, and the frame that was picked. */
export function JobPanel({ id, view, setView }: { id: string; view: View; setView: (change: Partial<View>) => void }) {
  const query = useJob(id);
  const job = query.data;
  if (!job) {
    return <section className="panel job">{query.error && <p className="problem">{query.error.message}</p>}</section>;
  }
  const picked = view.unit !== undefined ? (view.step ?? 0) : undefined;
  return (
    <section className="panel job" aria-label={`Job ${job.name}`}>
      <JobHead job={job} />
      <div className="steps">
        {job.steps.map((step, i) => (
          <StepGrid key={i} job={job} index={i} step={step} picked={picked === i ? view.unit : undefined} onPick={(unit) => setView({ step: i, unit })} />
        ))}
      </div>
      {view.unit !== undefined && picked !== undefined && job.steps[picked] && (
        <FrameDetail key={`${picked}/${view.unit}`} job={job} step={job.steps[picked]} stepIndex={picked} unit={view.unit} onClose={() => setView({ unit: undefined, step: undefined })} />
      )}
    </section>
  );
}

function JobHead({ job }: { job: Job }) {
  const now = useNow();
  const counts = sum(job.steps.map((s) => s.counts));
  const over = isOver(job.state);
  const why = useWhy(job.id, !over && counts.pending > 0).data;
  return (
    <div className="job-head">
      <div className="title">
        <h2>{job.name}</h2>
        <State look={jobLook(job.state, counts)} word={job.state} />
        <span className="grow" />
        <Actions job={job} />
      </div>
      <p className="reason" title={job.id}>
        {job.reason}
        {!over && why?.summary && !why.summary.endsWith(job.reason) && <span className="faint"> · {why.summary}</span>}
      </p>
      <dl className="facts">
        <Fact name="done">
          {percent(counts.succeeded, totalOf(counts))} <span className="faint">of {totalOf(counts)}</span>
        </Fact>
        <Fact name={over ? "took" : "running for"} title={`submitted ${exact(job.submitted)}`}>
          {whole(between(job.submitted, job.ended, now))}
        </Fact>
        {!over && job.forecast && (
          <Fact name="expected" title={exact(job.forecast.at)}>
            {clock(job.forecast.at)} <span className="faint">{ago(job.forecast.at, now)}</span>
          </Fact>
        )}
        {!over && job.forecast?.atHome && (
          <Fact name="at home alone" title={exact(job.forecast.atHome)}>
            {clock(job.forecast.atHome)} <span className="faint">{ago(job.forecast.atHome, now)}</span>
          </Fact>
        )}
        {job.deadline && <Deadline job={job} />}
        {job.priming?.filter((p) => p.state === "failed").map((p) => <PrimingFact key={p.filer} priming={p} />)}
      </dl>
    </div>
  );
}

/** Deadline compares the deadline with the end, or with what is expected. */
function Deadline({ job }: { job: Job }) {
  const now = useNow();
  if (!job.deadline) return null;
  const end = job.ended ?? (isOver(job.state) ? undefined : job.forecast?.at);
  const margin = end ? (Date.parse(job.deadline) - Date.parse(end)) / 1000 : (Date.parse(job.deadline) - now) / 1000;
  const verdict = end ? (margin >= 0 ? `${whole(margin)} to spare` : `${whole(margin)} late`) : ago(job.deadline, now);
  return (
    <Fact name="deadline" title={exact(job.deadline)}>
      {clock(job.deadline)} <span className={margin < 0 ? "is-failed" : "faint"}>{verdict}</span>
    </Fact>
  );
}

function PrimingFact({ priming: p }: { priming: Priming }) {
  return (
    <Fact name={`priming ${p.filer}`} title={`${p.state}: ${p.filesDone} of ${p.files} files${p.reason ? ` – ${p.reason}` : ""}`}>
      <span className="meter" aria-hidden="true">
        <i style={{ width: `${p.bytes > 0 ? (100 * p.bytesDone) / p.bytes : 0}%` }} />
      </span>
      {p.state === "failed" ? <span className="is-failed">failed</span> : percent(p.bytesDone, p.bytes)} <span className="faint">of {bytes(p.bytes)}</span>
    </Fact>
  );
}

export function Fact({ name, title, children }: { name: string; title?: string; children: ReactNode }) {
  return (
    <div className="fact" title={title}>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

/** Actions are what can be done to a job; canceling asks first. */
function Actions({ job }: { job: Job }) {
  const [asking, setAsking] = useState(false);
  const [failure, setFailure] = useState("");
  const counts = sum(job.steps.map((s) => s.counts));
  const act = (what: "cancel" | "retry") => {
    setAsking(false);
    setFailure("");
    post(`/jobs/${job.id}/${what}`).catch((e: unknown) => setFailure(e instanceof Error ? e.message : "it did not work"));
  };
  return (
    <div className="actions">
      {failure && (
        <span className="is-failed small" role="alert">
          {failure}
        </span>
      )}
      {counts.failed + counts.canceled > 0 && (
        <button type="button" onClick={() => act("retry")}>
          Retry {counts.failed + counts.canceled}
        </button>
      )}
      {!isOver(job.state) &&
        (asking ? (
          <>
            <button type="button" className="danger" onClick={() => act("cancel")}>
              Cancel the job
            </button>
            <button type="button" onClick={() => setAsking(false)}>
              Keep it
            </button>
          </>
        ) : (
          <button type="button" onClick={() => setAsking(true)}>
            Cancel…
          </button>
        ))}
    </div>
  );
}
