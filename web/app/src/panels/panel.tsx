import type { ReactNode } from "react";

/** Panel is a titled part of the page. */
export function Panel({ title, aside, className, children }: { title: string; aside?: ReactNode; className?: string; children: ReactNode }) {
  return (
    <section className={`panel ${className ?? ""}`} aria-label={title}>
      <div className="panel-head">
        <h2>{title}</h2>
        {aside !== undefined && <div className="aside">{aside}</div>}
      </div>
      {children}
    </section>
  );
}

/** Command is a line to type in a terminal; a click copies it. */
export function Command({ text }: { text: string }) {
  const copy = () => void navigator.clipboard.writeText(text).catch(() => undefined);
  return (
    <button type="button" className="command" onClick={copy} title="Copy">
      <code>{text}</code>
    </button>
  );
}
