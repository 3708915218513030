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
import { join } from "node:path";
import { parseArgs } from "node:util";
import { MethodTable } from "#admission/method-table.ts";
import { type ApiThread, startApi } from "#api/api-thread.ts";
import { signLocalToken, tokenKey } from "#api/local-token.ts";
import { systemClock as clock } from "#base/clock.ts";
import { CallIds, TokenSigner } from "#base/ids.ts";
import { systemRandom as random } from "#base/random.ts";
import { type Calls, createCalls } from "#call/calls.ts";
import { execute } from "#call/control-port.ts";
import type { CallFacts } from "#call/ports.ts";
import type { LoadedConfig } from "#config/load.ts";
import { withoutSecrets } from "#config/accounts.ts";
import { openJournal } from "#journal/open-journal.ts";
import { readJournal } from "#journal/read-journal.ts";
import { systemDns } from "#net/dns.ts";
import { serveJsonLines } from "#net/json-lines.ts";
import { atTurnEnd } from "#net/turn-end.ts";
import { TurnRest } from "#net/turn-rest.ts";
import { AddressTexts } from "#observe/address-texts.ts";
import { maskCredentials, mayHoldSecrets } from "#observe/mask.ts";
import { diceOf } from "#routing/groups.ts";
import { FloodLimit } from "#routing/flood-limit.ts";
import { type Identifier, createIdentifier } from "#routing/identify.ts";
import { targetName } from "#routing/peer-health.ts";
import { planTransfer } from "#routing/plan-transfer.ts";
import { warmIndex } from "#routing/snapshot-index.ts";
import type { Snapshot } from "#routing/snapshot.ts";
import { DscpMarks } from "#routing/dscp.ts";
import { createDigestUsers } from "#routing/digest-users.ts";
import { asDialled } from "#routing/peer-numbers.ts";
import { DigestServer } from "#sip/auth/digest-server.ts";
import { type Agent, createUserAgent } from "#sip/dialog/agent.ts";
import { createTransactionLayer } from "#sip/transaction/driver.ts";
import { byTermsOf, createLocator, textLocator } from "#sip/transport/location.ts";
import { Outbox } from "#sip/transport/outbox.ts";
import type { OpenTransportLayer } from "#sip/transport/transport-layer.ts";
import { EVERY_TENANT } from "#store/cdr-store.ts";
import { startStore } from "#store/store-client.ts";
import { openDrainList } from "#trunk/drain-list.ts";
import { createProbes } from "#trunk/probes.ts";
import { configChanges } from "./changes-main.ts";
import { controlAbilities } from "./control-main.ts";
import { openTls } from "./tls-main.ts";
import { openEngine, portPools } from "./engine-main.ts";
import { letV8GiveWay } from "./giving-way-main.ts";
import { createLimitDesk } from "./limits-main.ts";
import { openListeners, rawAnswers } from "./listening-main.ts";
import { loadOrExit } from "./loading-main.ts";
import { originate } from "./originating-main.ts";
import { createPlanning } from "./planning-main.ts";
import { openWatching } from "./watching-main.ts";
import { FollowedCalls } from "#observe/follow.ts";
import { TestTickets } from "#call/test-tickets.ts";
import { Registrations } from "#trunk/registrations.ts";

const VERSION = "0.1.0";
/** SIGTERM: calls are said BYE, and their answers are awaited so long. */
const BYE_MS = 2_000;
/** The store thread begins when calls are taken: both would compete for one processor. */
const STORE_DELAY_MS = 150;
/** And the API when the machine has caught its breath. */
const API_DELAY_MS = 500;
/** Of what `tandem token` prints. */
const LOCAL_TOKEN_S = 12 * 3_600;
/** Of SIP messages: the event loop rests from some 150 calls a second on, fully from some 450, and less above 500. */
const REST = { noDelayBelow: 1_000, fullDelayFrom: 3_000, maxUs: 3_000, enough: 9 } as const;
/** What so many of one turn have to say leaves before the next are read: they are not to wait for each other long. */
const MESSAGES_AT_A_TIME = 12;

const { values: options } = parseArgs({ strict: false, options: { config: { type: "string" }, home: { type: "string" } } });
const text = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined);

const { loaded, storeProblem } = await loadOrExit(text(options["config"]), text(options["home"]));
const { node } = loaded.config;
const startedAtMs = clock.wallMs();
mkdirSync(node.home, { recursive: true, mode: 0o700 });
mkdirSync(node.runDir, { recursive: true, mode: 0o700 });
// The supervisor may die first and take the other end of the pipe with it.
for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {});

// The end of a turn of the event loop: what a message tells of is in the journal before anybody hears it, and who only
// watches comes last. Sooner in a long turn, and at once for what came by a connection: who sent it, or we, may close
// it in this very turn.
const ending = { journal: (): void => {}, wire: (): void => {} };
function endTurn(): void {
  ending.journal();
  ending.wire();
  publisher.flush();
}
const soon = atTurnEnd(endTurn);

// What watches
const { log, counters, ladder, peerTotals, refusals, live, publisher } = openWatching(node, clock, startedAtMs, soon);
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
const drained = openDrainList(join(node.home, "drained.json"));
const limits = createLimitDesk({
  clock,
  home: node.home,
  publish,
  snapshot: () => snapshot,
  callsOf: (peer) => calls.callsOf(peer),
  onProblem: (reason) => log.line("error", reason),
});
letV8GiveWay();
const floods = new FloodLimit(node.invitesPerSecondPerSource);
const tickets = new TestTickets(clock, random);

const pools = () => portPools(snapshot);

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
  onWritten: () => store.recordWritten(),
  soon,
  onSegmentOpened: (path) => store.segmentOpened(path),
  onSegmentClosed: (path) => store.segmentClosed(path),
});
ending.journal = () => journal.flush();
void limits.recall(store);
void store
  .saveConfig({ number: snapshot.generation, hash: snapshot.hash, text: withoutSecrets(loaded.text, snapshot), appliedAtMs: startedAtMs })
  .catch(() => {});

// Media
const key = signingKey(join(node.home, "hmac.key"));
const engine = openEngine({ node, pools: pools(), expected: [...found.live].map(({ callId }) => callId), key, clock, random, publish });
const callsMax = (): number => Math.min(node.callsMax, engine.callsMax() ?? node.callsMax);

// Calls
const planning = createPlanning({
  clock,
  publish,
  snapshot: () => snapshot,
  calls: () => calls,
  limits,
  drained,
  marks: () => marks,
  locator: () => locator,
  registrations: () => registrations,
});
const { health } = planning;
const calls: Calls = createCalls({
  clock,
  ids: new CallIds(() => clock.wallMs(), random),
  signer: new TokenSigner(key, node.id),
  media: engine,
  journal,
  publish,
  plan: ({ source, calledUser, callerUser, callId, request }: CallFacts) =>
    planning.plan(source, planning.calledIn(request, source, calledUser), callerUser, {
      seed: callId,
      sipCallId: request.callId(),
      taken: true,
    }),
  planTransfer: (question, callId) => planTransfer({ ...planning.facts(true), dice: diceOf(callId) }, question),
  generation: () => snapshot.generation,
  locate: planning.locate,
  face: (listener) => transport.listener(listener),
  peer: (kind, name) => (kind === "trunk" ? snapshot.trunks : snapshot.gateways).get(name),
  onAttempt: planning.noteAttempt,
  limits: limits.book,
  answerRaw: rawAnswers(() => transport, clock),
  get callsMax() {
    return callsMax();
  },
});

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
const turnRest = new TurnRest(REST, () => engine.beforeRest());
const transport: OpenTransportLayer = await openListeners(snapshot, {
  clock,
  publish,
  shelf: tls.shelf,
  marks,
  user: {
    // What comes before the journal's calls are back is sent again by its sender.
    onMessage: (message, flow) => {
      const nth = turnRest.noted();
      if (taking) guarded(() => transactions.onMessage(message, flow));
      if (taking && (flow.transport !== "UDP" || nth % MESSAGES_AT_A_TIME === 0)) endTurn();
    },
    onGarbage: (reason, bytes, flow) => {
      if (taking) guarded(() => transactions.onGarbage(reason, bytes, flow));
      if (taking && flow.transport !== "UDP") endTurn();
    },
  },
});
const outbox = new Outbox(transport, soon, guarded);
ending.wire = () => outbox.flush();
const locator = createLocator({ dns: systemDns({ servers: node.dnsServers }), clock, random, listeners: transport });
const names = textLocator(locator);
const addresses = new AddressTexts();
const transactions = createTransactionLayer({
  transport: outbox,
  clock,
  user: agent,
  onWire: (direction, wire, peer, retransmission) => {
    const remote = "remoteAddress" in peer ? addresses.of(peer.remoteAddress, peer.remotePort) : addresses.of(peer.address, peer.port);
    const face = transport.listener(peer.listener);
    publish({
      type: "sip",
      direction,
      transport: peer.transport,
      listener: peer.listener,
      local: addresses.of(face?.address ?? "", face?.portOf(peer.transport) ?? 0),
      remote,
      // No sink ever holds the answer to a challenge; the search alone costs a tenth of a microsecond.
      wire: mayHoldSecrets(wire) ? maskCredentials(wire) : wire,
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
  onResult: (peer, target, result) => planning.noteHealth(peer, targetName(target), { type: "probe", ...result }),
  onUnresolved(peer, uri, reason) {
    health.setTargets(peer, [uri]);
    planning.noteHealth(peer, uri, { type: "probe", status: 0, retryAfterMs: 0, rttMs: 0, detail: reason });
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

/** A mistake of ours in one message must not end the other calls. */
function guarded(run: () => void): void {
  try {
    run();
  } catch (error) {
    publish({
      type: "process",
      what: "error while a message was taken or sent",
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
  plan: (source, called, caller, atMs) => planning.plan(source, called, caller, { seed: String(random.fraction()), taken: false, atMs }),
  originate: (command) =>
    originate(
      { calls, snapshot: () => snapshot, facts: (seed, taken) => ({ ...planning.facts(taken), dice: diceOf(seed), sipCallId: seed }) },
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
  endTurn();
  await transport.close();
  journal.close();
  await store.close();
  publisher.flush();
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
