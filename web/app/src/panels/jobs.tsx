import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useRef } from "react";

import type { Job } from "../api/types";
import { StateIcon } from "../icon";
import { ago, count, exact } from "../format";
import { useNow } from "../live/clock";
import { isOver, jobLook, sum, totalOf } from "../states";
import { Bar } from "./bar";
import { Panel } from "./panel";

const rowHeight = 58;

/** Jobs lists jobs, newest first. Only the rows in sight exist. */
export function Jobs({ jobs, selected, onSelect }: { jobs: readonly Job[]; selected: string | undefined; onSelect: (id: string) => void }) {
  const frame = useRef<HTMLDivElement>(null);
  const rows = useVirtualizer({ count: jobs.length, getScrollElement: () => frame.current, estimateSize: () => rowHeight, overscan: 8 });
  const at = jobs.findIndex((j) => j.id === selected);
  useEffect(() => {
    if (at >= 0) rows.scrollToIndex(at);
  }, [at, rows]);
  return (
    <Panel title="Jobs" aside={count(jobs.length)} className="jobs">
      <div className="scroll" ref={frame}>
        <div className="rows" style={{ height: rows.getTotalSize() }}>
          {rows.getVirtualItems().map((row) => {
            const job = jobs[row.index];
            return job && <JobRow key={job.id} job={job} top={row.start} selected={job.id === selected} onSelect={onSelect} />;
          })}
        </div>
      </div>
    </Panel>
  );
}

function JobRow({ job, top, selected, onSelect }: { job: Job; top: number; selected: boolean; onSelect: (id: string) => void }) {
  const now = useNow();
  const counts = sum(job.steps.map((s) => s.counts));
  const look = jobLook(job.state, counts);
  const expected = job.forecast && !isOver(job.state) ? `done ${ago(job.forecast.at, now)}` : "";
  return (
    <button type="button" className={`row job-row ${selected ? "is-selected" : ""}`} aria-current={selected} style={{ transform: `translateY(${top}px)`, height: rowHeight }} onClick={() => onSelect(job.id)}>
      <span className="line">
        <span className={`is-${look}`} title={job.state}>
          <StateIcon look={look} />
        </span>
        <b className="name">{job.name}</b>
        <span className="num">
          {count(counts.succeeded)}
          <span className="faint">/{count(totalOf(counts))}</span>
        </span>
      </span>
      <Bar counts={counts} />
      <span className="line faint small">
        <span className="name" title={`submitted ${exact(job.submitted)}`}>
          {job.owner ? `${job.owner}, ` : ""}
          {ago(job.submitted, now)}
        </span>
        <span>{expected || (isOver(job.state) ? job.state : "")}</span>
      </span>
    </button>
  );
}
