/**
 * Composition root of the API's thread: reaches calls over the control socket like every other client, reads the
 * database by connections of its own, and has resources applied as `tandem apply` has.
 */
import { createHash, randomBytes } from "node:crypto";
import { rmSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { setPriority } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parentPort, workerData } from "node:worker_threads";
import type { ApiThreadOptions, FromApi, ToApi } from "#api/api-thread.ts";
import { AUDIT_KEPT_MS } from "#api/audit.ts";
import { ensureOwner } from "#api/auth-routes.ts";
import { LiveHub } from "#api/live-hub.ts";
import type { ApiPorts } from "#api/ports.ts";
import { ApiProblem } from "#api/problem.ts";
import { buildApi } from "#api/server.ts";
import { REQUEST_FILE } from "#api/resource-desk.ts";
import { assert } from "#base/assert.ts";
import { systemClock } from "#base/clock.ts";
import type { ControlCommand, StatusReport } from "#call/control.ts";
import type { ApplyOutcome } from "#config/apply-apart.ts";
import { exportYaml } from "#config/export-yaml.ts";
import { type JsonLinesClient, connectJsonLines } from "#net/json-lines.ts";
import {
  houseAt,
  openAlertStore,
  openApiRecords,
  openCdrStore,
  openIdentities,
  openPages,
  openWebhookStore,
  reached,
  readState,
} from "#store/database.ts";
import { createInsight } from "./insight-main.ts";
import { openAlerts } from "./alerts-main.ts";
import { exportSpans } from "./otlp-main.ts";
import { openWebhooks } from "./webhooks-main.ts";

const NICE = 10;
assert(parentPort !== null, "api-main.ts runs as a worker thread");
const port = parentPort;
const {
  home,
  controlPath,
  address,
  port: wantedPort,
  version,
  key,
  allowPrivate,
  otlp,
  nodeName,
  requestsPerSecond,
} = workerData as ApiThreadOptions;
// Of this thread alone, as Linux counts: where processors are scarce, calls come first.
if (process.platform === "linux") setPriority(NICE);
const post = (message: FromApi): void => port.postMessage(message);
const OWNER_FILE = "owner-password";

let client: Promise<JsonLinesClient> | undefined;
/** Who asks the same while it is being asked shares the answer. What was changed and answered before is in it: one socket keeps the order. */
const beingAsked = new Map<ControlCommand["type"], Promise<unknown>>();
const SHARED: readonly ControlCommand["type"][] = ["status", "calls", "trunks", "gateways"];
function ask<T>(command: ControlCommand): Promise<T> {
  const { type } = command;
  if (!SHARED.includes(type)) return askAlone(command);
  let answer = beingAsked.get(type);
  if (answer === undefined) {
    answer = askAlone(command).finally(() => beingAsked.delete(type));
    beingAsked.set(type, answer);
  }
  return answer as Promise<T>;
}

async function askAlone<T>(command: ControlCommand): Promise<T> {
  client ??= connectJsonLines(controlPath);
  const asked = client;
  const outcome = await asked
    .then((connected) => connected.ask(command))
    .catch((error: unknown) => ({ ok: false, code: "CONNECTION_LOST", message: String(error) }) as const);
  if (outcome.ok) return outcome.value as T;
  if (outcome.code === "CONNECTION_LOST") {
    if (client === asked) client = undefined;
    throw new ApiProblem("SWITCH_UNAVAILABLE", "the switch doesn't answer");
  }
  if (outcome.code === "NO_SUCH_CALL" || outcome.code === "NO_SUCH_PEER") throw new ApiProblem("NOT_FOUND", outcome.message);
  throw new ApiProblem("INTERNAL", `the switch refused: ${outcome.code}`);
}

/** The text is left in the state folder, where signalling takes it from whoever may write there. */
async function apply(text: string, wish: Omit<Extract<ControlCommand, { readonly type: "apply" }>, "type" | "spool" | "sha256">) {
  const spool = `apply-${randomBytes(8).toString("hex")}.yaml`;
  const path = join(home, spool);
  writeFileSync(path, text, { mode: 0o600, flag: "wx" });
  try {
    const sha256 = createHash("sha256").update(text).digest("hex");
    return await ask<ApplyOutcome>({ type: "apply", spool, sha256, ...wish });
  } finally {
    rmSync(path, { force: true });
  }
}

/** More is loaded whole, in a thread of its own: the control port is for small commands. */
const WRITE_CHARS_MAX = 128 << 10;
const change: ApiPorts["change"] = ({ sections, remove, tenant, expectedGeneration }) => {
  const text = JSON.stringify(sections);
  if (text.length <= WRITE_CHARS_MAX)
    return ask<ApplyOutcome>({ type: "write", sections, remove, tenant, expectedGeneration, file: REQUEST_FILE });
  return apply(text, { file: REQUEST_FILE, tenant, prune: false, commit: true, expectedGeneration, origin: "api", remove });
};
const applyFile: ApiPorts["applyFile"] = ({ text, ...wish }) => apply(text, wish);

const house = houseAt(home, process.env);
const { database } = house;
const mistake = (text: string): void => post({ type: "mistake", text });
if (database.kind === "postgres") await reached(database, (reason) => mistake(`no API yet: ${reason}`));
const cdrs = await openCdrStore(database);
const identities = await openIdentities(database);
const pages = await openPages(house);
const records = await openApiRecords(database);
await records.pruneAudit(systemClock.wallMs() - AUDIT_KEPT_MS);
const live = new LiveHub();
const webhooks = openWebhooks({
  store: await openWebhookStore(database),
  cdrs,
  live,
  controlPath,
  key,
  version,
  allowPrivate,
  onProblem: mistake,
});
const alerts = await openAlerts({
  store: await openAlertStore(house),
  webhooks: webhooks.store,
  ask,
  live,
  callOut: webhooks.callOut,
  home,
  key,
  allowPrivate,
  onProblem: mistake,
});
const app = await buildApi({
  ask,
  change,
  applyFile,
  exportYaml: async (tenant) => exportYaml((await readState(house)).records, { tenant, secrets: false }),
  pages,
  records,
  live,
  webhooks: webhooks.ports,
  alerts: alerts.ports,
  insight: createInsight({ ask, home, configFile: async () => (await ask<StatusReport>({ type: "status" })).configFile }),
  cdrs,
  identities,
  key,
  nowMs: () => systemClock.wallMs(),
  requestsPerSecond,
  version,
  panelFolder: fileURLToPath(new URL("../panel/dist", import.meta.url)),
  onMistake: (requestId, error) => post({ type: "mistake", text: `API request ${requestId}: ${error.stack ?? error.message}` }),
});

try {
  await app.listen({ host: address, port: wantedPort });
} catch (error) {
  post({
    type: "unavailable",
    reason: `no API: ${address}:${wantedPort} can't be opened: ${error instanceof Error ? error.message : String(error)}; node.api in tandem.yaml says where else, or api: no`,
  });
  await new Promise(() => {});
}
await webhooks.start();
const spans = otlp === undefined ? undefined : exportSpans({ ...otlp, node: nodeName, version, live, cdrs, onProblem: mistake });
const { port: openPort } = app.server.address() as AddressInfo;
let firstLogin: string | undefined;
await ensureOwner(identities, systemClock.wallMs(), (password) => {
  // Not into the log, which others may read.
  const file = join(home, OWNER_FILE);
  writeFileSync(file, `${password}\n`, { mode: 0o600 });
  firstLogin = `tandem api: log in as "owner" with the password in ${file}, then delete that file`;
});
post({ type: "listening", url: `http://${address.includes(":") ? `[${address}]` : address}:${openPort}`, firstLogin });

port.on("message", (message: ToApi) => {
  if (message.type !== "close") return;
  app.server.closeAllConnections();
  void app.close().then(async () => {
    spans?.close();
    await alerts.close();
    await webhooks.close();
    await identities.close();
    await pages.close();
    await records.close();
    await cdrs.close();
    post({ type: "closed" });
  });
});
