import { eventsURL } from "../api/client";
import type { FarmEvent } from "../api/types";

/** silentFor is how long the line may be silent before it counts as broken; the server sends a beat every ten seconds. */
export const silentFor = 25_000;

const longestPause = 10_000;

export interface Listener {
  /** events brings what happened, in order, in batches of what came together. */
  events(batch: FarmEvent[]): void;
  /** reset says that events were missed for good: load everything anew. */
  reset(): void;
  /** heard is called at each sign of life. */
  heard(): void;
  /** broken is called when the line is lost; the stream comes back by itself. */
  broken(): void;
}

/**
 * Stream follows the farm's history. It resumes after the last event it saw, also after sleep: an EventSource gives up for
 * good on some errors and does not notice silence, so it is opened anew from here.
 */
export class Stream {
  private source: EventSource | undefined;
  private cursor: number | undefined;
  private waiting: FarmEvent[] = [];
  private flush: number | undefined;
  private retry: number | undefined;
  private watchdog: number | undefined;
  private pause = 500;

  constructor(
    private readonly listener: Listener,
    private readonly last: number,
  ) {}

  start(): void {
    this.stop();
    const source = new EventSource(eventsURL(this.cursor, this.last));
    this.source = source;
    source.onopen = () => {
      this.pause = 500;
      this.alive();
    };
    source.onmessage = (m: MessageEvent<string>) => {
      const event = JSON.parse(m.data) as FarmEvent;
      this.cursor = event.seq;
      this.waiting.push(event);
      // One paint for what comes together: a thousand events a second are sixty updates.
      this.flush ??= window.setTimeout(() => this.deliver(), 16);
      this.alive();
    };
    source.addEventListener("beat", () => this.alive());
    source.addEventListener("reset", () => {
      this.cursor = undefined;
      this.listener.reset();
    });
    source.onerror = () => this.lost();
    this.watch();
  }

  stop(): void {
    this.source?.close();
    this.source = undefined;
    window.clearTimeout(this.retry);
    window.clearTimeout(this.watchdog);
  }

  private deliver(): void {
    this.flush = undefined;
    const batch = this.waiting;
    this.waiting = [];
    this.listener.events(batch);
  }

  private alive(): void {
    this.listener.heard();
    this.watch();
  }

  private watch(): void {
    window.clearTimeout(this.watchdog);
    this.watchdog = window.setTimeout(() => this.lost(), silentFor);
  }

  private lost(): void {
    this.stop();
    this.listener.broken();
    this.retry = window.setTimeout(() => this.start(), this.pause);
    this.pause = Math.min(longestPause, this.pause * 2);
  }
}
