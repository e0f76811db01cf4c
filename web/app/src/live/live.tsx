import { useQueryClient, type QueryClient } from "@tanstack/react-query";
import { createContext, use, useEffect, useMemo, useState, type ReactNode } from "react";

import type { FarmEvent, FarmNode, UnitPage } from "../api/types";
import { applyToUnits, pushEvents, topicsOf, worthTelling, type Topic } from "./reduce";
import { Stream } from "./stream";

/** Live is what the event stream told so far, and how fresh it is. */
export interface Live {
  events: readonly FarmEvent[];
  /** When the last sign of life came, in milliseconds; undefined before the first. */
  heard: number | undefined;
  connected: boolean;
}

const LiveContext = createContext<Live>({ events: [], heard: undefined, connected: false });

export const useLive = (): Live => use(LiveContext);

/** reloadAfter gathers what events touch before it is loaded again. */
const reloadAfter = 250;

/** LiveProvider follows the farm and keeps what is on the screen up to date. */
export function LiveProvider({ children }: { children: ReactNode }) {
  const client = useQueryClient();
  const [live, setLive] = useState<Live>({ events: [], heard: undefined, connected: false });

  useEffect(() => {
    const reload = reloader(client);
    const stream = new Stream(
      {
        events(batch) {
          setLive((l) => ({ ...l, events: pushEvents(l.events, batch.filter(worthTelling)) }));
          patchUnits(client, batch);
          for (const event of batch) reload.touch(topicsOf(event));
        },
        reset() {
          setLive((l) => ({ ...l, events: [] }));
          void client.invalidateQueries();
        },
        heard() {
          setLive((l) => {
            if (!l.connected) void client.invalidateQueries();
            return { ...l, connected: true, heard: Date.now() };
          });
        },
        broken() {
          setLive((l) => ({ ...l, connected: false }));
        },
      },
      100,
    );
    stream.start();
    return () => {
      stream.stop();
      reload.stop();
    };
  }, [client]);

  return <LiveContext value={useMemo(() => live, [live])}>{children}</LiveContext>;
}

/** patchUnits changes the cells on the screen at once. */
function patchUnits(client: QueryClient, batch: readonly FarmEvent[]): void {
  const nodes = client.getQueryData<FarmNode[]>(["nodes"]) ?? [];
  const siteOf = (id: string) => nodes.find((n) => n.id === id)?.site;
  for (const [key, page] of client.getQueriesData<UnitPage>({ queryKey: ["units"] })) {
    const job = key[1];
    if (!page || typeof job !== "string") continue;
    const next = batch.reduce((p, event) => applyToUnits(p, job, event, siteOf), page);
    if (next !== page) client.setQueryData(key, next);
  }
}

/** reloader loads topics again, each at most once per interval however many events touch it. */
function reloader(client: QueryClient) {
  const touched = new Set<Topic>();
  let timer: number | undefined;
  const run = () => {
    timer = undefined;
    for (const topic of touched) void client.invalidateQueries({ queryKey: [topic] });
    touched.clear();
  };
  return {
    touch(topics: readonly Topic[]) {
      for (const topic of topics) touched.add(topic);
      if (touched.size > 0) timer ??= window.setTimeout(run, reloadAfter);
    },
    stop() {
      window.clearTimeout(timer);
    },
  };
}
