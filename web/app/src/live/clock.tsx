import { createContext, use, useEffect, useState, type ReactNode } from "react";

const ClockContext = createContext(Date.now());

/** useNow is the time in milliseconds, a second at a time. */
export const useNow = (): number => use(ClockContext);

/** ClockProvider ticks once a second for everything that shows an age. */
export function ClockProvider({ children }: { children: ReactNode }) {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = window.setInterval(() => setNow(Date.now()), 1000);
    return () => window.clearInterval(timer);
  }, []);
  return <ClockContext value={now}>{children}</ClockContext>;
}
