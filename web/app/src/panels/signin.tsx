import { useState } from "react";

import { signIn } from "../api/client";

/** SignIn asks for the token. The browser gets a cookie for it; the token itself is not kept. */
export function SignIn({ onDone }: { onDone: () => void }) {
  const [token, setToken] = useState("");
  const [failure, setFailure] = useState("");
  const submit = (event: React.SyntheticEvent) => {
    event.preventDefault();
    setFailure("");
    signIn(token.trim()).then(onDone, (e: unknown) => setFailure(e instanceof Error ? e.message : "it did not work"));
  };
  return (
    <main className="door">
      <form onSubmit={submit}>
        <h1 className="brand">Spillway</h1>
        <label htmlFor="token">Token</label>
        <input id="token" type="password" value={token} onChange={(e) => setToken(e.target.value)} autoFocus autoComplete="current-password" spellCheck={false} required />
        <button type="submit">Sign in</button>
        {failure && (
          <p className="is-failed" role="alert">
            {failure}
          </p>
        )}
        <p className="faint">
          The token is in <code>admin.token</code> in the server's directory.
        </p>
      </form>
    </main>
  );
}
