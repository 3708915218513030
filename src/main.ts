/**
 * Composition root of `tandem`, the signalling process: builds every room and connects them.
 * Long because it is the one place where all rooms meet; what they do stands in them.
 *
 *     main.ts [--config FILE] [--home DIR]
 *
 * Order matters at start: configuration, journal of the former process, media, listeners, calls of the
 * journal taken up again, and only then messages. Exit 78: starting again cannot help.
 */
import { createHmac, randomBytes } from "node:crypto";
import { mkdirSync, openSync, readFileSync, closeSync, writeFileSync } from "node:fs";
import { flushCompileCache } from "node:module";
import { hostname } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import pino, { type DestinationStream } from "pino";
import { MethodTable } from "#admission/method-table.ts";
import { type ApiThread, startApi } from "#api/api-thread.ts";
import { signLocalToken, tokenKey } from "#api/local-token.ts";
import { systemClock as clock } from "#base/clock.ts";
import { CallIds, TokenSigner } from "#base/ids.ts";
import { systemRandom as random } from "#base/random.ts";
import { type Calls, createCalls } from "#call/calls.ts";
import { execute } from "#call/control-port.ts";
import type { AttemptResult, CallFacts, Located, RawAnswer } from "#call/ports.ts";
import { type LoadedConfig, loadConfig } from "#config/load.ts";
import { withoutSecrets } from "#config/accounts.ts";
import { renderProblems } from "#config/render-problems.ts";
import { NOTHING_STORED, type StoredEntries } from "#config/stored-resources.ts";
import { openJournal } from "#journal/open-journal.ts";
import { readJournal } from "#journal/read-journal.ts";
import type { PortPool } from "#media/engine.ts";
import { descriptorLimit } from "#net/descriptor-limit.ts";
import { systemDns } from "#net/dns.ts";
import { serveJsonLines } from "#net/json-lines.ts";
import { createCounters } from "#observe/counters.ts";
import { openLadderRing } from "#observe/ladder-ring.ts";
import { createLiveEvents } from "#observe/live-events.ts";
import { createLog } from "#observe/log.ts";
import { createRefusals } from "#observe/recent-refusals.ts";
import { createPeerTotals } from "#observe/peer-totals.ts";
import { maskCredentials } from "#observe/mask.ts";
import { createPublisher } from "#observe/publish.ts";
import { LADDER_FOLDER } from "#observe/read-ladder.ts";
import type { DialPlan, PeerHealth } from "#routing/decision.ts";
import { diceOf } from "#routing/groups.ts";
import { FloodLimit } from "#routing/flood-limit.ts";
import { type Identifier, createIdentifier } from "#routing/identify.ts";
import { type HealthEvent, createHealth, targetName, usableTargets } from "#routing/peer-health.ts";
import { planTransfer } from "#routing/plan-transfer.ts";
import { planSeen } from "#routing/replay.ts";
import { warmIndex } from "#routing/snapshot-index.ts";
import type { Listener, Peer, Snapshot } from "#routing/snapshot.ts";
import { DscpMarks } from "#routing/dscp.ts";
import { createDigestUsers } from "#routing/digest-users.ts";
import { asDialled, numberFrom } from "#routing/peer-numbers.ts";
import { findDid } from "#routing/snapshot-index.ts";
import { DigestServer } from "#sip/auth/digest-server.ts";
import { type Agent, createUserAgent } from "#sip/dialog/agent.ts";
import { buildResponse } from "#sip/message/build-response.ts";
import type { ReceivedRequest, Uri } from "#sip/message/message.ts";
import { parseMessage } from "#sip/message/parse-message.ts";
import { serializeResponse } from "#sip/message/serialize.ts";
import { createTransactionLayer } from "#sip/transaction/driver.ts";
import { T1_MS } from "#sip/transaction/transactions.ts";
import { byTermsOf, createLocator, textLocator } from "#sip/transport/location.ts";
import { ListenerOpenError } from "#sip/transport/listener.ts";
import { type OpenTransportLayer, createTransportLayer } from "#sip/transport/transport-layer.ts";
import type { Flow } from "#sip/transport/transport.ts";
import { EVERY_TENANT } from "#store/cdr-store.ts";
import { DatabaseUrlError, askEntries, entriesNow, keptEntries } from "#store/database.ts";
import { readSqliteEntries } from "#store/sqlite/sqlite-resources.ts";
import { startStore } from "#store/store-client.ts";
import { openDrainList } from "#trunk/drain-list.ts";
import { createProbes } from "#trunk/probes.ts";
import { configChanges } from "./changes-main.ts";
import { controlAbilities } from "./control-main.ts";
import { openTls } from "./tls-main.ts";
import { openEngine } from "./engine-main.ts";
import { createLimitDesk } from "./limits-main.ts";
import { originate } from "./originating-main.ts";
import { FollowedCalls } from "#observe/follow.ts";
import { TestTickets } from "#call/test-tickets.ts";
import { calledThroughRegistration } from "#trunk/called-user.ts";
import { Registrations } from "#trunk/registrations.ts";

const VERSION = "0.1.0";
const EXIT_CONFIGURATION = 78;
/** Kept for files, the store, the control socket and UDP; strangers' TCP connections get half of what is left. */
const RESERVED_DESCRIPTORS = 128;
const CONNECTIONS_MIN = 16;
/** SIGTERM: calls are said BYE, and their answers are awaited so long. */
const BYE_MS = 2_000;
/** A 500 to a caller of the former process is said again, as no transaction repeats it. */
const RAW_REPEATS_MS = [0, T1_MS, 3 * T1_MS, 7 * T1_MS];
/** The store thread begins when calls are taken: both would compete for one processor. */
const STORE_DELAY_MS = 150;
/** And the API when the machine has caught its breath. */
const API_DELAY_MS = 500;
/** Of what `tandem token` prints. */
const LOCAL_TOKEN_S = 12 * 3_600;
const LOG_WRITE_BYTES = 8 << 10;
const LOG_DELAY_MS = 100;

const { values: options } = parseArgs({ strict: false, options: { config: { type: "string" }, home: { type: "string" } } });
const text = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined);

function load(generation: number): LoadedConfig {
  return loadConfig({
    file: text(options["config"]),
    home: text(options["home"]),
    env: process.env,
    readFile: (path) => readFileSync(path, "utf8"),
    uid: process.getuid?.() ?? 1000,
    hostname: hostname(),
    generation,
    stored: readStored,
  });
}
const storedBefore = await askEntries(process.env);
/** A broken database must not keep calls from what tandem.yaml has. */
let storeProblem: string | undefined;
function readStored(home: string): StoredEntries {
  try {
    return entriesNow(home, process.env, storedBefore, readSqliteEntries, (reason) => (storeProblem = reason));
  } catch (error) {
    const where = storedBefore === undefined ? `${home}/tandem.db` : "PostgreSQL";
    const kept = keptEntries(home, process.env, storedBefore);
    const inForce = kept === undefined ? "only those of tandem.yaml" : "those that were last read";
    storeProblem = `the resources in ${where} can't be read, so ${inForce} are in force: ${String(error)}; repair it, then tandem reload`;
    return kept ?? NOTHING_STORED;
  }
}

const loaded = load(1);
if (!loaded.ok) {
  process.stderr.write(`${renderProblems(loaded.problems, false)}\n`);
  process.exit(EXIT_CONFIGURATION);
}
const { node } = loaded.config;
if (storedBefore?.ok === false && storedBefore.error instanceof DatabaseUrlError) {
  process.stderr.write(`${storedBefore.error.message}\n`);
  process.exit(EXIT_CONFIGURATION);
}
const startedAtMs = clock.wallMs();
mkdirSync(node.home, { recursive: true, mode: 0o700 });
mkdirSync(node.runDir, { recursive: true, mode: 0o700 });
// The supervisor may die first and take the other end of the pipe with it.
for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {});

// What watches
const log = createLog({
  level: node.logLevel,
  numbers: node.logNumbers,
  format: process.stderr.isTTY ? "lines" : "json",
  colour: process.stderr.isTTY,
  clock,
  destination: logDestination(),
});
const counters = createCounters();
const ladder = openLadderRing({
  dir: join(node.home, LADDER_FOLDER),
  clock,
  ringBytes: node.traceBytesMax,
  onProblem: (reason) => log.line("warn", reason),
});
const peerTotals = createPeerTotals();
const refusals = createRefusals();
const live = createLiveEvents({ clock, boot: startedAtMs.toString(36) });
const publisher = createPublisher([counters, ladder, log, peerTotals, refusals, live], clock, (sink, error) =>
  log.line("error", `${sink.name} is cut off: ${String(error)}`),
);
const { publish } = publisher;

// The configuration in force; replaced as a whole by reload
let snapshot: Snapshot = loaded.config.snapshot;
let identifier: Identifier = createIdentifier(snapshot);
let digestUsers = createDigestUsers(snapshot);
const digest = new DigestServer({
  key: randomBytes(32),
  nowMs: () => startedAtMs + clock.nowMs(),
  random: (below) => random.integer(below),
  userOf: (username, realm) => digestUsers.userOf(username, realm),
});
const health = createHealth((name) => peerNamed(name)?.probe);
const peerNamed = (name: string): Peer | undefined => snapshot.trunks.get(name) ?? snapshot.gateways.get(name);
const drained = openDrainList(join(node.home, "drained.json"));
const limits = createLimitDesk({
  clock,
  home: node.home,
  publish,
  snapshot: () => snapshot,
  callsOf: (peer) => calls.callsOf(peer),
  onProblem: (reason) => log.line("error", reason),
});
/** Calls ordered by each round_robin group so far. */
const turns = new Map<string, number>();
const floods = new FloodLimit(node.invitesPerSecondPerSource);
const tickets = new TestTickets(clock, random);

const poolOf = (listener: Listener): PortPool => ({
  name: listener.name,
  bindAddress: listener.mediaAddress,
  advertisedAddress: listener.mediaAdvertised,
  portMin: listener.mediaPortMin,
  portMax: listener.mediaPortMax,
  ...(listener.device === undefined ? {} : { device: listener.device }),
  ...(listener.mediaDscp === undefined ? {} : { dscp: listener.mediaDscp }),
});
const pools = (): readonly PortPool[] => [...snapshot.listeners.values()].map(poolOf);

// What remembers
const journalDir = join(node.home, "journal");
const found = readJournal(journalDir);
const store = startStore({ home: node.home, clock, publish, startDelayMs: STORE_DELAY_MS });
const journal = openJournal({
  dir: journalDir,
  found,
  clock,
  publish,
  liveCalls: () => calls.live(),
  onRecord: () => store.recordWritten(),
  onSegmentOpened: (path) => store.segmentOpened(path),
  onSegmentClosed: (path) => store.segmentClosed(path),
});
void limits.recall(store);
void store
  .saveConfig({ number: snapshot.generation, hash: snapshot.hash, text: withoutSecrets(loaded.text, snapshot), appliedAtMs: startedAtMs })
  .catch(() => {});

// Media
const key = signingKey(join(node.home, "hmac.key"));
const engine = openEngine({ node, pools: pools(), expected: [...found.live].map(({ callId }) => callId), key, clock, random, publish });
const callsMax = (): number => Math.min(node.callsMax, engine.callsMax() ?? node.callsMax);

// Calls
/** @param seed the call's id, so that who asks again gets the same; `taken` false: a question, that takes no group's turn */
function planFrom(
  source: Peer,
  calledUser: string,
  callerUser: string,
  {
    seed,
    sipCallId = "",
    taken,
    atMs,
  }: { readonly seed: string; readonly sipCallId?: string; readonly taken: boolean; readonly atMs?: number | undefined },
): DialPlan {
  return planSeen({ ...planFacts(taken, atMs), source, calledUser, callerUser, seed, sipCallId });
}
function planFacts(taken: boolean, nowMs = clock.wallMs()) {
  const turn = (group: string): number => {
    const now = turns.get(group) ?? 0;
    if (taken) turns.set(group, now + 1);
    return now;
  };
  const healthOf = (peer: string): PeerHealth => healthNow(peer, nowMs);
  return { snapshot, healthOf, nowMs, turn, limits: limits.policy() };
}
function healthNow(peer: string, nowMs: number): PeerHealth {
  const locked = limits.lockedOut(peer);
  return {
    ...health.healthOf(peer, calls.callsOf(peer), nowMs),
    outboundCalls: calls.callsOf(peer, "out"),
    draining: drained.has(peer),
    ...(locked !== undefined && { locked }),
  };
}
function noteHealth(peer: string, target: string, event: HealthEvent): void {
  const change = health.note(peer, target, event, clock.wallMs());
  const owner = peerNamed(peer);
  if (change !== undefined && owner !== undefined)
    publish({ type: "gateway-health", tenant: owner.tenant, gateway: peer, target, up: change.up, reason: change.reason });
}
/** A peer's addresses, those that are down left out. */
function locateFor(uri: Uri, listener: string, peer: string): Located | Promise<Located> {
  const take = (located: Located): Located => {
    if (peer === "") return located;
    if (located.ok)
      marks.learn(
        peer,
        located.targets.map(({ address }) => address),
      );
    health.setTargets(peer, located.ok ? located.targets.map(targetName) : [peerNamed(peer)?.uri ?? ""]);
    return located.ok ? { ok: true, targets: usableTargets(health, peer, located.targets, clock.wallMs()) } : located;
  };
  const located = locator.locate(uri, listener);
  return located instanceof Promise ? located.then((found) => take(byTermsOf(peer, found))) : take(byTermsOf(peer, located));
}
function onAttempt(result: AttemptResult): void {
  const event =
    result.status > 0
      ? ({ type: "response", status: result.status, retryAfterMs: (result.restS ?? 0) * 1000 } as const)
      : result.alive
        ? undefined
        : result.reason.startsWith("no response")
          ? ({ type: "silent" } as const)
          : ({ type: "unreachable", detail: result.reason } as const);
  if (event !== undefined) noteHealth(result.peer, result.target, event);
}
/** Says it to a caller whose transaction died with the former process. */
function answerRaw(wire: string, flow: Flow, localTag: string, status: number, reasonPhrase: string, answer?: RawAnswer): void {
  const message = parseMessage(wire);
  if (!message.ok || message.value.kind !== "request") return;
  const parts =
    answer === undefined
      ? {}
      : ({ headers: [["Contact", `<${answer.contact}>`], ...answer.headers], contentType: "application/sdp", body: answer.sdp } as const);
  const response = serializeResponse(
    buildResponse(message.value, status, reasonPhrase, {
      ...parts,
      toTag: localTag,
      received: { address: flow.remoteAddress, rport: flow.remotePort },
    }),
  );
  const repeats = transport.isReliable(flow.transport) ? RAW_REPEATS_MS.slice(0, 1) : RAW_REPEATS_MS;
  for (const delayMs of repeats) clock.after(delayMs, () => transport.respond(flow, response, () => {}));
}
const calls: Calls = createCalls({
  clock,
  ids: new CallIds(() => clock.wallMs(), random),
  signer: new TokenSigner(key, node.id),
  media: engine,
  journal,
  publish,
  plan: ({ source, calledUser, callerUser, callId, request }: CallFacts) =>
    planFrom(source, calledIn(request, source, calledUser), callerUser, { seed: callId, sipCallId: request.callId(), taken: true }),
  planTransfer: (question, callId) => planTransfer({ ...planFacts(true), dice: diceOf(callId) }, question),
  generation: () => snapshot.generation,
  locate: locateFor,
  face: (listener) => transport.listener(listener),
  peer: (kind, name) => (kind === "trunk" ? snapshot.trunks : snapshot.gateways).get(name),
  onAttempt,
  limits: limits.book,
  answerRaw,
  get callsMax() {
    return callsMax();
  },
});

/** A call through a registration names our Contact; whom it is for stands elsewhere. */
function calledIn(request: ReceivedRequest, source: Peer, calledUser: string): string {
  if (source.kind !== "trunk" || source.register === undefined || registrations.trunkOf(calledUser) !== source.name) return calledUser;
  const users = calledThroughRegistration(request, source.register.user);
  return users.find((user) => findDid(snapshot, numberFrom(source, user, "called"), source).type === "found") ?? users[0] ?? calledUser;
}

// SIP
let taking = false;
const agent: Agent = createUserAgent({
  clock,
  random,
  user: new MethodTable({
    clock,
    random,
    publish,
    floods,
    invitesPerSecond: node.invitesPerSecondPerSource,
    digest,
    identifier: () => identifier,
    digestUsers: () => digestUsers,
    registeredTrunk: (user) => registrations.trunkOf(user),
    tickets,
    calls,
  }),
  locator: { locate: (uriText, listener) => names.locate(uriText, listener) },
});
calls.attach(agent);
const marks = new DscpMarks(snapshot);
const tls = openTls(snapshot, { clock, publish });
const transport: OpenTransportLayer = await openListeners();
const locator = createLocator({ dns: systemDns({ servers: node.dnsServers }), clock, random, listeners: transport });
const names = textLocator(locator);
const transactions = createTransactionLayer({
  transport,
  clock,
  user: agent,
  onWire: (direction, wire, peer, retransmission) => {
    const remote = "remoteAddress" in peer ? `${peer.remoteAddress}:${peer.remotePort}` : `${peer.address}:${peer.port}`;
    const face = transport.listener(peer.listener);
    publish({
      type: "sip",
      direction,
      transport: peer.transport,
      listener: peer.listener,
      local: `${face?.address ?? ""}:${face?.portOf(peer.transport) ?? 0}`,
      remote,
      // No sink ever holds the answer to a challenge; the search alone costs a tenth of a microsecond.
      wire: wire.includes("uthorization:") ? maskCredentials(wire) : wire,
      retransmission,
    });
  },
});
agent.attach(transactions);
const registrations = new Registrations({
  clock,
  random,
  publish,
  request: (parameters, onFinal) => agent.request(parameters, onFinal),
  locate: (uriText, listener, trunk) => names.locate(uriText, listener, trunk),
  face: (listener) => transport.listener(listener),
  // The same after a restart: the provider goes on calling it.
  contactUser: (trunk) => `r${createHmac("sha256", key).update(`contact user of trunk ${trunk}`).digest("hex").slice(0, 24)}`,
});
const probes = createProbes({
  clock,
  random,
  agent,
  peers: () => [...snapshot.trunks.values(), ...snapshot.gateways.values()].map(asDialled),
  locate(uri, listener, peer) {
    const located = locator.locate(uri, listener);
    return located instanceof Promise ? located.then((found) => byTermsOf(peer, found)) : byTermsOf(peer, located);
  },
  face: (listener) => transport.listener(listener),
  rests: (peer, target) => health.restsUntil(peer, targetName(target), clock.wallMs()) > 0,
  onTargets(peer, targets) {
    marks.learn(
      peer,
      targets.map(({ address }) => address),
    );
    health.setTargets(peer, targets.map(targetName));
  },
  onResult: (peer, target, result) => noteHealth(peer, targetName(target), { type: "probe", ...result }),
  onUnresolved(peer, uri, reason) {
    health.setTargets(peer, [uri]);
    noteHealth(peer, uri, { type: "probe", status: 0, retryAfterMs: 0, rttMs: 0, detail: reason });
  },
});
const restored = calls.restore(found.live);
taking = true;
if (restored.running + restored.ended + restored.unreadable > 0) {
  publish({
    type: "process",
    what: "calls of the former process",
    detail: `${restored.running} go on, ${restored.ended} in set-up ended, ${restored.unreadable} unreadable`,
  });
}

async function openListeners(): Promise<OpenTransportLayer> {
  try {
    return await createTransportLayer({
      tls: tls.shelf,
      dscpOf: (listener, address) => marks.of(listener, address),
      listeners: [...snapshot.listeners.values()].map(({ name, address, port, advertised, transports, tls: listens, device, dscp }) => ({
        name,
        address,
        port,
        advertised,
        transports,
        tlsPort: listens?.port,
        device,
        dscp,
      })),
      clock,
      publish,
      connectionsMax: Math.max(CONNECTIONS_MIN, Math.floor((descriptorLimit() - RESERVED_DESCRIPTORS) / 2)),
      user: {
        // What comes before the journal's calls are back is sent again by its sender.
        onMessage: (message, flow) => {
          if (taking) guarded(() => transactions.onMessage(message, flow));
        },
        onGarbage: (reason, bytes, flow) => {
          if (taking) guarded(() => transactions.onGarbage(reason, bytes, flow));
        },
      },
    });
  } catch (error) {
    if (!(error instanceof ListenerOpenError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(EXIT_CONFIGURATION);
  }
}

/** A person sees each line at once; for machines a few lines share a write, which costs as much as a line. */
function logDestination(): DestinationStream {
  if (process.stderr.isTTY) return pino.destination({ fd: 2, sync: true });
  const destination = pino.destination({ fd: 2, sync: false, minLength: LOG_WRITE_BYTES });
  let flushing = false;
  const flush = (): void => {
    flushing = false;
    destination.flush();
  };
  return {
    write(line) {
      destination.write(line);
      if (flushing) return;
      flushing = true;
      clock.after(LOG_DELAY_MS, flush);
    },
  };
}

/** A mistake of ours in one message must not end the other calls. */
function guarded(run: () => void): void {
  try {
    run();
  } catch (error) {
    publish({
      type: "process",
      what: "error while a message was taken",
      detail: error instanceof Error ? (error.stack ?? error.message) : String(error),
    });
  }
}

/** Made once, readable by the owner only: whoever has it can forge our tokens. */
function signingKey(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch {
    const key = randomBytes(32);
    const descriptor = openSync(path, "wx", 0o600);
    writeFileSync(descriptor, key);
    closeSync(descriptor);
    return key;
  }
}

// The call-control port
const changes = configChanges({
  clock,
  file: text(options["config"]),
  home: text(options["home"]),
  first: loaded,
  snapshot: () => snapshot,
  swap,
  record: recordConfig,
});
const abilities = controlAbilities({
  clock,
  publish,
  snapshot: () => snapshot,
  calls,
  callsMax,
  store,
  ladder,
  transport,
  engine,
  registrations,
  certificates: () => tls.shelf.reports(),
  health,
  drained,
  limits,
  tickets,
  version: VERSION,
  nodeName: node.name,
  configFile: loaded.config.file,
  startedAtMs,
  counters: () => ({
    ...counters.values(),
    ...prefixed("transport", transport.counters),
    ...prefixed("transactions", transactions.counters),
    ...prefixed("journal", journal.counters),
  }),
  peerTotals,
  refusals,
  token(role, tenant = EVERY_TENANT) {
    const nowMs = clock.wallMs();
    const token = signLocalToken(tokenKey(key), { name: "local", role, tenant }, nowMs, LOCAL_TOKEN_S);
    return { token, expiresAtMs: nowMs + LOCAL_TOKEN_S * 1000, url: api?.url };
  },
  plan: (source, called, caller, atMs) => planFrom(source, called, caller, { seed: String(random.fraction()), taken: false, atMs }),
  originate: (command) =>
    originate(
      { calls, snapshot: () => snapshot, facts: (seed, taken) => ({ ...planFacts(taken), dice: diceOf(seed), sipCallId: seed }) },
      command,
    ),
  ...changes,
  shutDown,
});
const prefixed = (prefix: string, values: object): Record<string, number> =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [`${prefix}.${name}`, Number(value)]));

/** Whatever changed follows; what the former snapshot shares with it is left alone. */
function swap(next: Snapshot): void {
  const { trunks, gateways, listeners } = snapshot;
  warmIndex(next);
  const recognising = createIdentifier(next);
  snapshot = next;
  identifier = recognising;
  if (next.trunks !== trunks || next.gateways !== gateways || next.listeners !== listeners) tls.apply(next);
  if (next.trunks !== trunks || next.gateways !== gateways) {
    marks.apply(next);
    digestUsers = createDigestUsers(next);
    health.keep({ has: (name) => next.trunks.has(name) || next.gateways.has(name) });
    probes.refresh();
  }
  if (next.trunks !== trunks) registrations.apply(next.trunks.values());
  if (next.listeners !== listeners) engine.setPools(pools());
  publish({ type: "config", generation: next.generation, hash: next.hash });
}
async function recordConfig(next: Extract<LoadedConfig, { readonly ok: true }>): Promise<void> {
  const { generation: number, hash } = snapshot;
  await store
    .saveConfig({ number, hash, text: withoutSecrets(next.text, snapshot), appliedAtMs: clock.wallMs() })
    .catch((error: unknown) => log.line("warn", `the configuration in force is not in the log of configurations: ${String(error)}`));
}

const controlServer = await serveJsonLines({
  path: join(node.runDir, "control.sock"),
  onRequest: (command) => execute(command, abilities),
  onFollow: (command, tell) => {
    const { type, call, after } = (command ?? {}) as { readonly type?: unknown; readonly call?: unknown; readonly after?: unknown };
    if (type === "events") return live.follow(text(after), tell);
    return publisher.add(new FollowedCalls(typeof call === "string" ? call : undefined, tell));
  },
});

const api: ApiThread | undefined =
  node.api === undefined
    ? undefined
    : startApi({
        entry: new URL("./api-main.ts", import.meta.url),
        clock,
        startDelayMs: API_DELAY_MS,
        options: {
          home: node.home,
          controlPath: join(node.runDir, "control.sock"),
          address: node.api.address,
          port: node.api.port,
          requestsPerSecond: node.api.requestsPerSecond,
          version: VERSION,
          allowPrivate: node.webhooks.allowPrivate,
          otlp: node.otlp,
          nodeName: node.name,
          key: tokenKey(key),
        },
        onListening(url, firstLogin) {
          process.stdout.write(`tandem panel: ${url}/\ntandem api: ${url}/docs; tandem token prints a token\n`);
          if (firstLogin !== undefined) process.stdout.write(`${firstLogin}\n`);
        },
        onProblem: (reason) => log.line(node.api?.asked === true ? "error" : "warn", reason),
      });

// Being told to go
let going = false;
async function shutDown(): Promise<void> {
  if (going) return;
  going = true;
  probes.stop();
  let registeredSomewhere = true;
  void registrations.stop().then(() => (registeredSomewhere = false));
  calls.hangUpAll("Tandem is shutting down");
  const untilMs = clock.nowMs() + BYE_MS;
  while ((calls.size > 0 || agent.dialogs > 0 || registeredSomewhere) && clock.nowMs() < untilMs)
    await new Promise((resolve) => setTimeout(resolve, 20));
  await api?.close();
  controlServer.close();
  await transport.close();
  journal.close();
  await store.close();
  await ladder.close();
  engine.close();
  process.exit(0);
}
process.on("SIGTERM", () => void shutDown());
process.on("SIGINT", () => void shutDown());
process.on(
  "SIGHUP",
  () =>
    void changes.reload().then(
      (outcome) => log.line(outcome.ok ? "info" : "error", outcome.ok ? "configuration reloaded" : outcome.message),
      (error: unknown) => log.line("error", `reload failed: ${String(error)}`),
    ),
);

probes.refresh();
registrations.apply(snapshot.trunks.values());
publish({ type: "config", generation: snapshot.generation, hash: snapshot.hash });
if (storeProblem !== undefined) log.line("error", storeProblem);
for (const warning of loaded.warnings) log.line("warn", `${warning.field}: ${warning.message}; ${warning.remedy}`);
process.stdout.write(
  `tandem ready: ${transport
    .listeners()
    .map((face) => `${face.name} ${face.address}:${face.portOf("UDP") ?? face.portOf("TCP") ?? face.portOf("TLS") ?? 0}`)
    .join(", ")} after ${Math.round(performance.now())} ms\n`,
);
// A process that is killed writes no cache at its end, and the next one has to start fast.
flushCompileCache();
