// The API's values, from its own description (npm run types).
import type { components } from "./schema";

type Schemas = components["schemas"];

export type Job = Schemas["Job"];
export type Step = Schemas["Step"];
export type Counts = Schemas["Counts"];
export type Unit = Schemas["Unit"];
export type UnitPage = Schemas["UnitPage"];
export type Attempt = Schemas["Attempt"];
export type Output = Schemas["Output"];
export type FarmNode = Schemas["Node"];
export type Pool = Schemas["Pool"];
export type Decision = Schemas["Decision"];
export type Filer = Schemas["Filer"];
export type Priming = Schemas["Priming"];
export type Picture = Schemas["Picture"];
export type Summary = Schemas["Summary"];
export type Why = Schemas["Why"];
export type FarmEvent = Schemas["Event"];
export type Problem = Schemas["Problem"];

export type UnitState = Unit["state"];
