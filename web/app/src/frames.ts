import type { Step, Unit } from "./api/types";

/** frameOf is the number that people know a task by: its frame where the step counts frames, else its index. */
export function frameOf(step: Step, unit: number): number {
  const n = step.numbering;
  return n ? n.first + unit * n.every : unit;
}

/** nounOf is what a step's tasks are called. */
export const nounOf = (step: Step): string => (step.numbering?.parameter === "Frame" ? "frame" : "task");

/** tell describes a unit in one line, for tooltips and for those who hear the page. */
export function tell(step: Step, index: number, unit: Unit | undefined): string {
  const name = `${nounOf(step)} ${frameOf(step, index)}`;
  if (!unit) return `${name}: pending`;
  const where = unit.node ? ` on ${unit.node}${unit.site ? ` (${unit.site})` : ""}` : "";
  const done = unit.state === "running" && unit.progress ? `, ${Math.floor(unit.progress * 100)} %` : "";
  const again = unit.number && unit.number > 1 ? `, attempt ${unit.number}` : "";
  const params = unit.params && !step.numbering ? ` [${Object.entries(unit.params).map(([k, v]) => `${k} ${v}`).join(", ")}]` : "";
  return `${name}${params}: ${unit.state}${where}${done}${again}${unit.reason ? ` – ${unit.reason}` : ""}`;
}

/** cellSize picks how large a grid's cells are, in pixels: labelled while that fits, dense when there are thousands. */
export function cellSize(units: number): "card" | "tile" | "dot" {
  if (units <= 160) return "card";
  return units <= 1200 ? "tile" : "dot";
}
