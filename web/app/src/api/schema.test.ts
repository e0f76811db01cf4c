import { readFile } from "node:fs/promises";

import openapiTS, { astToString } from "openapi-typescript";
import { expect, it } from "vitest";

it("is what api/openapi.json says (npm run types)", async () => {
  const spec = new URL("../../../../api/openapi.json", import.meta.url);
  const committed = await readFile(new URL("schema.ts", import.meta.url), "utf8");
  const fresh = astToString(await openapiTS(spec));
  expect(committed.replace(/^\/\*\*[^]*?\*\/\s*/, "")).toBe(fresh.replace(/^\/\*\*[^]*?\*\/\s*/, ""));
});
