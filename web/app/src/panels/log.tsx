import { useEffect, useLayoutEffect, useRef, useState } from "react";

import { send } from "../api/client";
import { appendLog, toneOf } from "../live/logtext";

/** tail is how much of a log is fetched from its end, in bytes. */
const tail = 64 * 1024;

const pause = 2_000;

/** shownLines bounds what is drawn; the command line shows the rest. */
const shownLines = 2_000;

/** Log shows the end of an attempt's output and follows it while it runs. */
export function Log({ attempt, live }: { attempt: string; live: boolean }) {
  const { text, note } = useLog(attempt);
  const box = useRef<HTMLPreElement>(null);
  const [follow, setFollow] = useState(true);
  useLayoutEffect(() => {
    if (follow && box.current) box.current.scrollTop = box.current.scrollHeight;
  }, [text, follow]);
  const onScroll = () => {
    const b = box.current;
    if (b) setFollow(b.scrollHeight - b.scrollTop - b.clientHeight < 24);
  };
  const lines = text.replace(/\n$/, "").split("\n").slice(-shownLines);
  return (
    <div className="log">
      <pre ref={box} onScroll={onScroll} tabIndex={0} aria-label="Log">
        {lines.map((line, i) => {
          const tone = toneOf(line);
          const text = i > 0 ? `\n${line}` : line;
          return tone ? (
            <span key={i} className={`log-${tone}`}>
              {text}
            </span>
          ) : (
            text
          );
        })}
        {note && <span className="faint">{`\n${note}`}</span>}
        {live && "\n"}
        {live && <i className="caret" aria-hidden="true" />}
      </pre>
      {!follow && (
        <button type="button" className="to-end" onClick={() => setFollow(true)}>
          ↓ newest
        </button>
      )}
    </div>
  );
}

/** useLog streams a log. A broken line is taken up where it broke. */
function useLog(attempt: string): { text: string; note: string } {
  const [text, setText] = useState("");
  const [note, setNote] = useState("");
  useEffect(() => {
    const abort = new AbortController();
    let offset = -tail;
    let timer: number | undefined;
    const read = async () => {
      const response = await send("GET", `/attempts/${attempt}/log?offset=${offset}&follow=true`, undefined, abort.signal);
      offset = Number(response.headers.get("Spillway-Log-Offset") ?? 0);
      if (!response.body) return;
      setNote("");
      const decoder = new TextDecoder();
      for (const reader = response.body.getReader(); ; ) {
        const { done, value } = await reader.read();
        if (done) break;
        offset += value.byteLength;
        const more = decoder.decode(value, { stream: true });
        setText((t) => appendLog(t, more));
      }
    };
    const run = () => {
      read().catch((e: unknown) => {
        if (abort.signal.aborted) return;
        setNote(e instanceof Error ? e.message : "the log broke off");
        timer = window.setTimeout(run, pause);
      });
    };
    run();
    return () => {
      abort.abort();
      window.clearTimeout(timer);
    };
  }, [attempt]);
  return { text, note };
}
