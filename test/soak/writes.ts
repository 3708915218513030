/**
 * `./dev soak writes [--kills N] [--dids N] [--seed N]`: kill -9 while the API writes, with a large deployment in the
 * store. The last line is one JSON object; exit 1 when a resource is half there, lost or not in force.
 */
import { parseArgs } from "node:util";
import { killDuringWrites } from "../kit/write-kills.ts";

const { values } = parseArgs({ options: { kills: { type: "string" }, dids: { type: "string" }, seed: { type: "string" } } });
const endings: (() => unknown)[] = [];
const scope = { after: (run: () => unknown) => void endings.push(run) } as Parameters<typeof killDuringWrites>[0];
const kills = Number(values.kills ?? 50);
const dids = Number(values.dids ?? 100_000);
try {
  console.log(
    JSON.stringify({ soak: "writes", dids, ...(await killDuringWrites(scope, { kills, dids, seed: Number(values.seed ?? 7) })) }),
  );
} catch (error) {
  console.log(error);
  console.log(JSON.stringify({ soak: "writes", dids, kills, failed: String(error).slice(0, 500) }));
  process.exitCode = 1;
} finally {
  for (const end of endings) await end();
}
