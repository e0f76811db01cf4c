import { useCallback, useSyncExternalStore } from "react";

/** View is what the user looks at. It lives in the address, so that every view can be linked to and survives a reload. */
export interface View {
  job: string | undefined;
  step: number | undefined;
  unit: number | undefined;
}

const changed = "spillway:view";

/** readView reads the address's query. */
export function readView(query: string): View {
  const q = new URLSearchParams(query);
  return { job: q.get("job") ?? undefined, step: index(q.get("step")), unit: index(q.get("unit")) };
}

/** writeView is the query that readView reads. */
export function writeView(view: View): string {
  const q = new URLSearchParams();
  if (view.job) q.set("job", view.job);
  if (view.job && view.unit !== undefined) {
    q.set("step", String(view.step ?? 0));
    q.set("unit", String(view.unit));
  }
  const text = q.toString();
  return text ? `?${text}` : "";
}

function index(text: string | null): number | undefined {
  return text !== null && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

function subscribe(notify: () => void): () => void {
  window.addEventListener("popstate", notify);
  window.addEventListener(changed, notify);
  return () => {
    window.removeEventListener("popstate", notify);
    window.removeEventListener(changed, notify);
  };
}

/** useView is the view and the way to change it. A new job is a new entry of the browser's history, a new frame is not. */
export function useView(): [View, (change: Partial<View>) => void] {
  const query = useSyncExternalStore(subscribe, () => window.location.search);
  const view = readView(query);
  const set = useCallback((change: Partial<View>) => {
    const old = readView(window.location.search);
    const next = { ...old, ...change };
    const to = window.location.pathname + writeView(next);
    if (next.job !== old.job) window.history.pushState(null, "", to);
    else window.history.replaceState(null, "", to);
    window.dispatchEvent(new Event(changed));
  }, []);
  return [view, set];
}
