/** Are the real peers here? Elsewhere their tests are skipped aloud; in CI a missing peer is a failure. */
import { findProgram } from "../dev/peers.ts";

/** For the `skip` option of a test: false when all are there, else the reason. */
export function skipWithout(...programs: readonly string[]): string | false {
  const missing = programs.filter((program) => findProgram(program) === undefined);
  if (missing.length === 0) return false;
  if (process.env["CI"] === "true") throw new Error(`peers missing in CI: ${missing.join(", ")}; ./dev peers installs them`);
  return `${missing.join(", ")} not installed (./dev peers)`;
}

/** Namespaces need root and iproute2. */
export function skipWithoutRoot(...programs: readonly string[]): string | false {
  if (process.getuid?.() !== 0) return "needs root";
  return skipWithout("ip", ...programs);
}
