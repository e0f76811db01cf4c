import { useEffect, useState } from "react";

import type { Job, Picture } from "../api/types";
import { usePictures } from "../api/queries";
import { ago, exact } from "../format";
import { frameOf } from "../frames";
import { useNow } from "../live/clock";
import { Panel } from "./panel";

/** Pictures shows the newest landed picture, large, and those before it as a strip. */
export function Pictures({ job, onPick }: { job: Job; onPick: (step: number, unit: number) => void }) {
  const pictures = usePictures(job.id).data ?? [];
  const [held, setHeld] = useState<string>();
  const now = useNow();
  const shown = pictures.find((p) => p.url === held) ?? pictures[0];
  const step = shown && job.steps[shown.step];
  return (
    <Panel
      title={held ? "Picture" : "Newest picture"}
      className="pictures"
      aside={
        held ? (
          <button type="button" className="link" onClick={() => setHeld(undefined)}>
            back to the newest
          </button>
        ) : (
          shown && <span title={exact(shown.landed)}>landed {ago(shown.landed, now)}</span>
        )
      }
    >
      <div className="stage" style={{ aspectRatio: shown?.width && shown.height ? `${shown.width} / ${shown.height}` : "16 / 9" }}>
        {shown ? <Crossfade picture={shown} onClick={() => onPick(shown.step, shown.unit)} /> : <p className="faint">Pictures appear here as they land on the storage.</p>}
        {shown && step && (
          <p className="caption">
            <b>{frameOf(step, shown.unit)}</b> {shown.name}
            <span>
              {shown.site} · {shown.node}
            </span>
          </p>
        )}
      </div>
      {pictures.length > 1 && (
        <ul className="strip">
          {pictures.map((p) => {
            const s = job.steps[p.step];
            const number = s ? frameOf(s, p.unit) : p.unit;
            return (
              <li key={p.url}>
                <button type="button" className={p.url === shown?.url ? "is-picked" : ""} onClick={() => setHeld(p.url)} title={`${p.name}, ${p.site}, ${ago(p.landed, now)}`}>
                  <img src={p.url} alt={`frame ${number}`} loading="lazy" decoding="async" />
                  <span>{number}</span>
                </button>
              </li>
            );
          })}
        </ul>
      )}
    </Panel>
  );
}

/** Crossfade lays a new picture over the old one and shows it once it is decoded, so that nothing flashes. */
function Crossfade({ picture, onClick }: { picture: Picture; onClick: () => void }) {
  const [layers, setLayers] = useState<Picture[]>([]);
  useEffect(() => {
    let wanted = true;
    const image = new Image();
    image.src = picture.url;
    const show = () => {
      if (wanted) setLayers((old) => [...old.filter((p) => p.url !== picture.url).slice(-1), picture]);
    };
    image.decode().then(show, show);
    return () => {
      wanted = false;
    };
  }, [picture]);
  return (
    <button type="button" className="layers" onClick={onClick} aria-label={`Show the task of ${picture.name}`}>
      {layers.map((p) => (
        <img key={p.url} src={p.url} alt={`${p.name}, rendered on ${p.node} at ${p.site}`} />
      ))}
    </button>
  );
}
