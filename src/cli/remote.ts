/**
 * A Tandem elsewhere: what the reading commands ask of the control socket, asked of the API instead. The answers are
 * the same as far as the API tells; what it doesn't is left out rather than made up.
 *
 * Deliberately not here: what only the machine itself may do, such as reload and drain.
 */
import { type ApiClient, ApiRefusal, ApiUnreachable, type ClientOptions, type Schemas, createApiClient } from "#api-client/client.ts";
import type { CallSummary, ControlCommand, GatewaysReport, TrunkReport } from "#call/control.ts";
import type { Cdr } from "#cdr/record.ts";
import type { ApplyOutcome } from "#config/apply-apart.ts";
import type { ApplyDesk } from "./apply.ts";
import { type Control, ControlError } from "./context.ts";

const PAGE = 1_000;

/** The Tandem that TANDEM_URL names, with TANDEM_TOKEN; undefined: the one here. @throws ControlError */
export function clientOf(env: Readonly<Record<string, string | undefined>>, ask: ClientOptions["fetch"]): ApiClient | undefined {
  const { TANDEM_URL: url = "", TANDEM_TOKEN: token = "" } = env;
  if (url === "") return undefined;
  if (!/^https?:\/\/[^/]/.test(url))
    throw new ControlError("USAGE", `TANDEM_URL=${url} is no address of an API, e.g. https://tandem.example.com`);
  if (token === "")
    throw new ControlError("NO_TOKEN", `TANDEM_URL is ${url}, and TANDEM_TOKEN is missing: what tandem token prints there, or an API key`);
  return createApiClient({ url, token, fetch: ask });
}

/** @param client of TANDEM_URL */
export function remoteControl(client: ApiClient): Control {
  return {
    async ask<T>(command: ControlCommand): Promise<T> {
      return (await told(answer(client, command))) as T;
    },
    follow() {
      throw notFromAfar("--follow");
    },
  };
}

/** What `tandem apply` needs, of a text. @param file its name in problems */
export function remoteApply(
  client: ApiClient,
  wish: { readonly text: string; readonly file: string; readonly tenant: string | undefined; readonly prune: boolean },
): ApplyDesk["apply"] {
  return async (commit, expectedGeneration) => {
    const body = { ...wish, commit, expected_generation: expectedGeneration };
    return { outcome: (await told(client.call("apply", { body }))) as ApplyOutcome, running: true };
  };
}

export const remoteExport = (client: ApiClient, tenant: string | undefined): Promise<string> =>
  told(client.call("export", { query: { tenant } }));

/** The API's own words as this command's. */
export async function told<T>(asked: Promise<T>): Promise<T> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof ApiRefusal)
      throw new ControlError(
        error.code,
        error.status === 401 ? `${error.message}; TANDEM_TOKEN is what tandem token prints there, or an API key` : error.message,
      );
    if (error instanceof ApiUnreachable) throw new ControlError("NOT_RUNNING", `${error.message}; TANDEM_URL says where it is`);
    throw error;
  }
}

const notFromAfar = (what: string): ControlError =>
  new ControlError("NOT_REMOTE", `${what} works on the machine itself: log in there, or unset TANDEM_URL for the Tandem here`);

function answer(client: ApiClient, command: ControlCommand): Promise<unknown> {
  switch (command.type) {
    case "calls":
      return client.call("listActiveCalls", {}).then(({ items }) => items.map(callOf));
    case "hangup":
      return client.call("hangUpCall", { path: { call_id: command.callId } }).then(() => ({ callId: command.callId }));
    case "trunks":
      return trunksOf(client);
    case "gateways":
      return gatewaysOf(client);
    case "cdr":
      return recordsOf(client, command);
    default:
      return Promise.reject(notFromAfar(`tandem ${command.type}`));
  }
}

const ms = (iso: string): number => Date.parse(iso);
const maybeMs = (iso: string | null): number | undefined => (iso === null ? undefined : ms(iso));

const callOf = (call: Schemas["ActiveCall"]): CallSummary => ({
  callId: call.call_id,
  tenant: call.tenant,
  state: call.status,
  caller: call.from_number,
  called: call.to_number,
  from: call.from_peer,
  to: call.to_peer,
  startedAtMs: ms(call.started_at),
  answeredAtMs: maybeMs(call.answered_at),
  held: call.on_hold,
});

/** Pages until there are no more. */
async function every<T>(
  page: (cursor: string | undefined) => Promise<{ readonly items: readonly T[]; readonly next: string | null }>,
): Promise<readonly T[]> {
  const all: T[] = [];
  for (let cursor: string | undefined; ; ) {
    const { items, next } = await page(cursor);
    all.push(...items);
    if (next === null) return all;
    cursor = next;
  }
}

async function trunksOf(client: ApiClient): Promise<readonly Omit<TrunkReport, "totals">[]> {
  const [trunks, { items }] = await Promise.all([
    every((cursor) => client.call("listTrunks", { query: { limit: PAGE, cursor } })),
    client.call("listTrunkStatus", {}),
  ]);
  const statuses = new Map(items.map((status) => [status.trunk_id, status]));
  return trunks.map((trunk) => {
    const {
      active_calls = 0,
      max_concurrent_calls = trunk.max_concurrent_calls ?? 0,
      registration = null,
    } = statuses.get(trunk.trunk_id) ?? {};
    return {
      name: trunk.trunk_id,
      tenant: trunk.tenant,
      listener: trunk.listener ?? "",
      uri: trunk.proxy_address === null ? "" : `sip:${trunk.proxy_address}${trunk.proxy_port === null ? "" : `:${trunk.proxy_port}`}`,
      calls: active_calls,
      callsMax: max_concurrent_calls,
      title: trunk.name,
      provider: trunk.provider,
      maintenance: !trunk.is_active,
      registration: registrationOf(registration),
    };
  });
}

type Registration = NonNullable<TrunkReport["registration"]>;
function registrationOf(found: Schemas["TrunkStatus"]["registration"]): Registration | undefined {
  if (found === null) return undefined;
  const { status, since, next_at, reason, failures } = found;
  const known: Omit<Registration, "registrar" | "addressOfRecord"> = {
    standing: status,
    sinceMs: ms(since),
    nextAtMs: maybeMs(next_at),
    reason,
    failures,
  };
  return known as Registration;
}

async function gatewaysOf(client: ApiClient): Promise<GatewaysReport> {
  const [gateways, groups, { items }, trunks] = await Promise.all([
    every((cursor) => client.call("listGateways", { query: { limit: PAGE, cursor } })),
    every((cursor) => client.call("listGroups", { query: { limit: PAGE, cursor } })),
    client.call("listGatewayStatus", {}),
    trunksOf(client),
  ]);
  const entries = new Map(gateways.map(({ name, uri = "", listener = "" }) => [name, { uri, listener }]));
  for (const { name, uri, listener } of trunks) entries.set(name, { uri, listener });
  const calls = new Map(items.map(({ name, active_calls }) => [name, active_calls]));
  return {
    groups: groups.map(({ name, tenant, algorithm = "weighted", calls_max, gateways: members = [] }) => {
      const listed = members.map((member) => (typeof member === "string" ? { gateway: member } : member));
      return {
        name,
        tenant,
        algorithm,
        calls: listed.reduce((sum, { gateway }) => sum + (calls.get(gateway) ?? 0), 0),
        callsMax: calls_max,
        members: listed.map(
          ({
            gateway,
            priority = 1,
            weight = 1,
          }: {
            readonly gateway: string;
            readonly priority?: number | undefined;
            readonly weight?: number | undefined;
          }) => ({ gateway, priority, weight }),
        ),
      };
    }),
    gateways: items.map((status) => ({
      name: status.name,
      kind: status.kind,
      tenant: status.tenant,
      listener: entries.get(status.name)?.listener ?? "",
      uri: entries.get(status.name)?.uri ?? "",
      state: status.state as GatewaysReport["gateways"][number]["state"],
      reason: status.reason,
      calls: status.active_calls,
      callsMax: status.max_concurrent_calls,
      probed: status.is_probed,
      targets: status.targets.map(({ target, is_up, rests_until, cause, probe, samples, succeeded }) => ({
        target,
        up: is_up,
        restsUntilMs: rests_until === null ? 0 : ms(rests_until),
        cause,
        probe: probe === null ? undefined : { atMs: ms(probe.at), status: probe.status, rttMs: probe.rtt_ms, detail: probe.detail },
        samples,
        succeeded,
      })),
      history: status.history.map(({ at, target, is_up, reason }) => ({ atMs: ms(at), target, up: is_up, reason })),
    })),
  };
}

/** What `tandem cdr` shows of one. */
type KnownCdr = Pick<
  Cdr,
  | "callId"
  | "tenant"
  | "direction"
  | "caller"
  | "called"
  | "route"
  | "configGeneration"
  | "startedAtMs"
  | "answeredAtMs"
  | "endedAtMs"
  | "setupMs"
  | "durationMs"
  | "outcome"
  | "sipStatus"
  | "q850"
  | "endedBy"
  | "endReason"
  | "skipped"
>;

export async function recordsOf(
  client: ApiClient,
  { callId, number, limit }: Extract<ControlCommand, { readonly type: "cdr" }>,
): Promise<readonly KnownCdr[]> {
  if (callId !== undefined) {
    const { record } = await client.call("getCall", { path: { call_id: callId } }).catch((error: unknown) => {
      if (error instanceof ApiRefusal && error.status === 404) return { record: null };
      throw error;
    });
    return record === null ? [] : [cdrOf(record)];
  }
  const { items } = await client.call("listCallRecords", { query: { limit: Math.min(limit, PAGE), number } });
  return items.map(cdrOf);
}

const cdrOf = (call: Schemas["CallRecord"]): KnownCdr & { readonly legs: unknown; readonly attempts: unknown } => ({
  callId: call.call_id as Cdr["callId"],
  tenant: call.tenant as Cdr["tenant"],
  direction: call.direction,
  caller: call.from_number,
  called: call.to_number,
  route: call.route,
  configGeneration: call.config_generation,
  startedAtMs: ms(call.started_at),
  answeredAtMs: maybeMs(call.answered_at),
  endedAtMs: ms(call.ended_at),
  setupMs: call.setup_ms,
  durationMs: call.duration_seconds * 1000,
  outcome: call.outcome as Cdr["outcome"],
  sipStatus: call.sip_status,
  q850: call.q850 ?? undefined,
  endedBy: call.ended_by as Cdr["endedBy"],
  endReason: call.end_reason,
  skipped: call.skipped,
  legs: call.legs.map((leg) => ({
    leg: leg.leg,
    direction: leg.direction,
    peer: leg.peer,
    remoteAddress: leg.remote_address,
    codec: leg.codec,
    packetsReceived: leg.packets_received,
    packetsSent: leg.packets_sent,
    packetsLost: leg.packets_lost,
    jitterMs: leg.jitter_ms,
    strays: leg.strays,
  })),
  attempts: call.attempts.map(({ number, peer, target, status, q850, outcome, reason, duration_ms }) => ({
    number,
    peer,
    target,
    status,
    q850: q850 ?? undefined,
    outcome,
    reason,
    durationMs: duration_ms,
  })),
});
