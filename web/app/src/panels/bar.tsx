import type { Counts } from "../api/types";
import { plural } from "../format";
import { totalOf, unitStates } from "../states";

/** Bar shows counts as parts of a whole. */
export function Bar({ counts }: { counts: Counts }) {
  const total = totalOf(counts);
  const text = unitStates.filter((s) => counts[s] > 0).map((s) => `${counts[s]} ${s}`).join(", ");
  return (
    <div className="bar" role="img" aria-label={`${plural(total, "task")}: ${text}`} title={text}>
      {unitStates.map((s) => counts[s] > 0 && s !== "pending" && <i key={s} className={`fill-${s}`} style={{ flexGrow: counts[s] }} />)}
      {counts.pending > 0 && <i style={{ flexGrow: counts.pending }} />}
    </div>
  );
}
