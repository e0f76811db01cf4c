import type { Look } from "./states";

// Drawn on a 12 × 12 grid with strokes of 1.6, so that they stay legible at 10 pixels. The shape alone tells the state.
const shapes: Record<Look, React.ReactNode> = {
  pending: <circle cx="6" cy="6" r="1.2" fill="currentColor" stroke="none" />,
  assigned: <circle cx="6" cy="6" r="3.6" strokeDasharray="2.6 2" />,
  running: <path d="M3.8 2.4 9.6 6l-5.8 3.6Z" fill="currentColor" strokeLinejoin="round" />,
  landing: <path d="M6 1.6v6M3.3 5.2 6 7.9l2.7-2.7M2 10.4h8" />,
  fencing: <path d="M6 1.3 10 3v3c0 2.4-1.6 4-4 4.9C3.6 10 2 8.4 2 6V3Z" />,
  succeeded: <path d="m2.2 6.4 2.6 2.6L9.8 3.2" />,
  failed: <path d="m2.8 2.8 6.4 6.4M9.2 2.8 2.8 9.2" />,
  canceled: <path d="M2.5 6h7" />,
  paused: <path d="M4.2 2.6v6.8M7.8 2.6v6.8" />,
};

/** StateIcon shows a state by its shape; the word stands beside it or in its title. */
export function StateIcon({ look }: { look: Look }) {
  return (
    <svg className="icon" viewBox="0 0 12 12" fill="none" stroke="currentColor" strokeWidth="1.6" strokeLinecap="round" strokeLinejoin="round" aria-hidden="true">
      {shapes[look]}
    </svg>
  );
}

/** State is an icon with its word. */
export function State({ look, word }: { look: Look; word: string }) {
  return (
    <span className={`state is-${look}`}>
      <StateIcon look={look} />
      {word}
    </span>
  );
}
