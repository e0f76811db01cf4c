import { useEffect, useRef, useState } from "react";

import type { Attempt, Job, Output, Step } from "../api/types";
import { useAttempts } from "../api/queries";
import { State, StateIcon } from "../icon";
import { between, bytes, clock, exact, span } from "../format";
import { frameOf, nounOf } from "../frames";
import { useNow } from "../live/clock";
import { lookOf } from "../states";
import { Fact } from "./job";
import { Log } from "./log";

/** FrameDetail is one task: its attempts, and of the one picked what it did, left and said. */
export function FrameDetail({ job, step, stepIndex, unit, onClose }: { job: Job; step: Step; stepIndex: number; unit: number; onClose: () => void }) {
  const attempts = useAttempts(job.id, stepIndex, unit).data;
  const [picked, setPicked] = useState<string>();
  const attempt = attempts?.find((a) => a.id === picked) ?? attempts?.[0];
  const noun = nounOf(step);
  const place = useRef<HTMLElement>(null);
  useEffect(() => {
    place.current?.scrollIntoView({ block: "nearest" }); // returns a promise in new browsers, which is no clean-up
  }, [attempt?.id]);
  return (
    <section ref={place} className="detail" aria-label={`${noun} ${frameOf(step, unit)}`}>
      <div className="detail-head">
        <h3>
          {noun === "frame" ? "Frame" : "Task"} {frameOf(step, unit)}
        </h3>
        <div className="tabs" role="tablist" aria-label="Attempts">
          {attempts?.map((a) => (
            <button key={a.id} type="button" role="tab" aria-selected={a.id === attempt?.id} className={`tab is-${lookOf(a.state)}`} onClick={() => setPicked(a.id)} title={`${a.state}: ${a.reason}`}>
              <StateIcon look={lookOf(a.state)} />#{a.number} {a.node}
            </button>
          ))}
        </div>
        <span className="grow" />
        <button type="button" className="tool" onClick={onClose} title="Close (Esc)" aria-label="Close">
          ×
        </button>
      </div>
      {attempt ? <AttemptDetail key={attempt.id} attempt={attempt} /> : attempts && <p className="faint pad">Not started yet. The job says above what it waits for.</p>}
    </section>
  );
}

function AttemptDetail({ attempt: a }: { attempt: Attempt }) {
  const now = useNow();
  return (
    <>
      <p className="reason">
        <State look={lookOf(a.state)} word={a.state} /> {a.reason}
      </p>
      <dl className="facts">
        <Fact name="node">
          {a.node} <span className="faint">{a.site}</span>
        </Fact>
        {a.started && (
          <Fact name="started" title={exact(a.started)}>
            {clock(a.started)}
          </Fact>
        )}
        {a.started && (
          <Fact name={a.ended ? "ran" : "running for"} title={a.cpuSeconds ? `${span(a.cpuSeconds)} of processor time` : ""}>
            {span(a.runSeconds && a.ended ? a.runSeconds : between(a.started, a.ended, now))}
          </Fact>
        )}
        {a.landed && a.ended && <Fact name="landing took">{span(between(a.ended, a.landed, now))}</Fact>}
        {(a.exitCode !== 0 || a.cause) && (
          <Fact name="ended by">
            {a.cause ?? "its exit"} <span className="faint">exit {a.exitCode}</span>
          </Fact>
        )}
        {a.maxRSSMiB ? <Fact name="memory">{bytes(a.maxRSSMiB * 1024 * 1024)}</Fact> : null}
      </dl>
      {(a.outputs ?? []).length + (a.removed ?? []).length > 0 && (
        <ul className="files">
          {a.outputs?.map((o) => <OutputRow key={o.path} output={o} over={a.state === "succeeded"} />)}
          {a.removed?.map((r) => (
            <li key={r.path}>
              <span className="is-failed">
                <StateIcon look="canceled" />
              </span>
              <code>{r.path}</code>
              <span className="faint">unfinished, {bytes(r.size)}, removed after the fence</span>
            </li>
          ))}
        </ul>
      )}
      <Log attempt={a.id} live={a.state === "running" || a.state === "canceling"} />
    </>
  );
}

function OutputRow({ output: o, over }: { output: Output; over: boolean }) {
  const size = o.width && o.height ? `${o.width} × ${o.height}, ` : "";
  return (
    <li>
      <span className={o.receipt || over ? "is-succeeded" : "is-landing"}>
        <StateIcon look={o.receipt || over ? "succeeded" : "landing"} />
      </span>
      <code>{o.path}</code>
      <span className="faint" title={`SHA-256 ${o.sha256}${o.receipt ? `, receipt ${o.receipt.serial} of ${exact(o.receipt.issued)}` : ""}`}>
        {size}
        {bytes(o.size)}, {o.receipt ? `on the storage, says ${o.receipt.filer}` : over ? "written to the storage directly" : "on its way to the storage"}
      </span>
    </li>
  );
}
