import { useVirtualizer } from "@tanstack/react-virtual";
import { memo, useCallback, useLayoutEffect, useMemo, useRef, useState } from "react";

import type { Job, Step, Unit } from "../api/types";
import { unitsAtOnce, usePools, useUnits } from "../api/queries";
import { StateIcon } from "../icon";
import { count, span } from "../format";
import { cellSize, frameOf, nounOf, tell } from "../frames";
import { isOver, unitStates } from "../states";

const sizes = {
  card: { width: 56, height: 40, gap: 4 },
  tile: { width: 22, height: 22, gap: 3 },
  dot: { width: 11, height: 11, gap: 2 },
};

/** StepGrid shows a step: a cell for each of its units. */
export function StepGrid({ job, index, step, picked, onPick }: { job: Job; index: number; step: Step; picked: number | undefined; onPick: (unit: number) => void }) {
  const page = useUnits(job.id, index, !isOver(job.state)).data;
  const counts = page?.counts ?? step.counts;
  const rented = useRentedSites();
  const units = useMemo(() => new Map(page?.units.map((u) => [u.unit, u])), [page]);
  const waits = counts.succeeded < step.units ? (step.dependsOn ?? []).map((d) => job.steps[d]?.name).filter((n) => n !== undefined) : [];
  const anyRented = page?.units.some((u) => u.site && rented.has(u.site)) ?? false;
  return (
    <div className="step">
      <div className="step-head">
        <h3>{step.name}</h3>
        {unitStates
          .filter((s) => counts[s] > 0)
          .map((s) => (
            <span key={s} className={`tally is-${s}`}>
              <StateIcon look={s} />
              <b>{count(counts[s])}</b> {s}
            </span>
          ))}
        <span className="grow" />
        {waits.length > 0 && counts.pending === step.units && <span className="faint small">after {waits.join(", ")}</span>}
        {anyRented && (
          <span className="faint small legend">
            <i className="corner" /> rented
          </span>
        )}
        {step.estimateSeconds ? (
          <span className="faint small" title={`Mean run time of a ${nounOf(step)}`}>
            {span(step.estimateSeconds)} each
          </span>
        ) : null}
      </div>
      <Cells step={step} units={units} rented={rented} picked={picked} onPick={onPick} />
      {page?.next !== undefined && <p className="faint small">The first {count(unitsAtOnce)} tasks that were started are shown.</p>}
    </div>
  );
}

/** useRentedSites are the sites of elastic pools. */
function useRentedSites(): ReadonlySet<string> {
  const pools = usePools().data;
  return useMemo(() => new Set(pools?.map((p) => p.site)), [pools]);
}

interface CellsProps {
  step: Step;
  units: ReadonlyMap<number, Unit>;
  rented: ReadonlySet<string>;
  picked: number | undefined;
  onPick: (unit: number) => void;
}

/** Cells lays units out in rows; of many rows only those in sight exist, so a step may have millions. */
function Cells({ step, units, rented, picked, onPick }: CellsProps) {
  const frame = useRef<HTMLDivElement>(null);
  const width = useWidth(frame);
  const kind = cellSize(step.units);
  const size = sizes[kind];
  const columns = Math.max(1, Math.floor((width + size.gap) / (size.width + size.gap)));
  // Cells of a step that fills a row share what is left of it, so that both edges are straight.
  const wide = kind !== "dot" && step.units >= columns ? (width - (columns - 1) * size.gap) / columns : size.width;
  const rows = useVirtualizer({
    count: Math.ceil(step.units / columns),
    getScrollElement: () => frame.current,
    estimateSize: () => size.height + size.gap,
    overscan: 4,
  });
  const pick = useCallback((unit: number) => onPick(unit), [onPick]);
  return (
    <div className={`cells cells-${kind}`} ref={frame} role="group" aria-label={`${nounOf(step)}s of ${step.name}`}>
      <div className="rows" style={{ height: Math.max(0, rows.getTotalSize() - size.gap) }}>
        {width > 0 &&
          rows.getVirtualItems().map((row) => (
            <div key={row.key} className="cell-row" style={{ transform: `translateY(${row.start}px)`, gap: size.gap, "--cell": `${wide}px` } as React.CSSProperties}>
              {Array.from({ length: Math.min(columns, step.units - row.index * columns) }, (_, c) => {
                const i = row.index * columns + c;
                const unit = units.get(i);
                return <Cell key={i} step={step} index={i} unit={unit} kind={kind} rented={unit?.site !== undefined && rented.has(unit.site)} picked={picked === i} onPick={pick} />;
              })}
            </div>
          ))}
      </div>
    </div>
  );
}

interface CellProps {
  step: Step;
  index: number;
  unit: Unit | undefined;
  kind: "card" | "tile" | "dot";
  rented: boolean;
  picked: boolean;
  onPick: (unit: number) => void;
}

const Cell = memo(
  function Cell({ step, index, unit, kind, rented, picked, onPick }: CellProps) {
    const state = unit?.state ?? "pending";
    const text = tell(step, index, unit);
    return (
      <button type="button" className={`cell fill-${state} ${picked ? "is-picked" : ""}`} data-state={state} data-unit={index} title={text} aria-label={text} aria-pressed={picked} onClick={() => onPick(index)}>
        {state === "running" && <i className="progress" style={{ transform: `scaleX(${unit?.progress ?? 0})` }} />}
        {rented && <i className="corner" />}
        {kind === "card" && step.units > 1 && <span className="frame-number">{frameOf(step, index)}</span>}
        {kind !== "dot" && <StateIcon look={state} />}
      </button>
    );
  },
  // A fresh list holds equal records: only what is seen counts.
  (a, b) =>
    a.index === b.index && a.kind === b.kind && a.rented === b.rented && a.picked === b.picked && a.onPick === b.onPick &&
    a.unit?.state === b.unit?.state && a.unit?.progress === b.unit?.progress && a.unit?.node === b.unit?.node && a.unit?.reason === b.unit?.reason &&
    a.step.numbering?.first === b.step.numbering?.first,
);

/** useWidth is an element's inner width, in pixels. */
function useWidth(ref: React.RefObject<HTMLElement | null>): number {
  const [width, setWidth] = useState(0);
  useLayoutEffect(() => {
    if (!ref.current) return undefined;
    const observer = new ResizeObserver(([entry]) => {
      if (entry) setWidth(entry.contentRect.width);
    });
    observer.observe(ref.current);
    return () => observer.disconnect();
  }, [ref]);
  return width;
}
