import type { Problem } from "./types";

const prefix = "/api/v1";

/** Refusal is an answer that is not the one that was asked for. Status 0: no answer came. */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly hint = "",
  ) {
    super(message);
  }
}

/** get fetches one value of the API. */
export async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  const response = await send("GET", path, undefined, signal);
  return (await response.json()) as T;
}

/** post asks the API to do something. */
export async function post(path: string, body?: unknown): Promise<void> {
  await send("POST", path, body);
}

/** send makes one call and turns problems into Refusals. */
export async function send(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(prefix + path, {
      method,
      credentials: "same-origin",
      ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { "Content-Type": "application/json" } }),
      ...(signal ? { signal } : {}),
    });
  } catch (cause) {
    if (cause instanceof DOMException && cause.name === "AbortError") throw cause;
    throw new Refusal(0, "no answer from the server");
  }
  if (response.ok) return response;
  let problem: Partial<Problem> = {};
  try {
    problem = (await response.json()) as Problem;
  } catch {
    // not a problem document: the status says all there is
  }
  throw new Refusal(response.status, problem.detail ?? `the server answered ${response.status}`, problem.hint);
}

/** signIn opens a session: a cookie that scripts cannot read. */
export const signIn = (token: string): Promise<void> => post("/session", { token });

export const eventsURL = (after: number | undefined, last: number): string =>
  after === undefined ? `${prefix}/events?last=${last}` : `${prefix}/events?after=${after}`;
