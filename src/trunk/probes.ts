/**
 * Asks peers by OPTIONS whether they live (RFC 3261 §11), each of its resolved addresses on its own, and tells what
 * came of it. Names are resolved anew at every round; the cache below keeps answers for as long as DNS says.
 *
 * Deliberately knows neither thresholds nor who is up: that is routing/peer-health.ts. A late answer counts as
 * silence; its transaction ends by itself.
 */
import type { Clock, Timer } from "#base/clock.ts";
import type { Random } from "#base/ids.ts";
import type { Peer, ProbePolicy } from "#routing/snapshot.ts";
import type { FailureOutcome, InviteParameters, UserAgent } from "#sip/dialog/user-agent.ts";
import { failureText } from "#sip/dialog/failure-text.ts";
import type { HeaderField } from "#sip/message/message.ts";
import { parseUri } from "#sip/message/parse-uri.ts";
import { writeHostPort } from "#sip/message/parse-host.ts";
import type { Uri } from "#sip/message/message.ts";

export type ProbeTarget = InviteParameters["target"];
type Targets =
  | { readonly ok: true; readonly targets: readonly ProbeTarget[] }
  | { readonly ok: false; readonly code: string; readonly detail: string };

export interface ProbeResult {
  /** 0: `detail` says what came instead of an answer. */
  readonly status: number;
  readonly retryAfterMs: number;
  readonly rttMs: number;
  readonly detail: string;
}

export interface ProbePorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly agent: Pick<UserAgent, "request">;
  /** All peers of the present configuration. */
  readonly peers: () => Iterable<Peer>;
  readonly locate: (uri: Uri, listener: string, peer: string) => Targets | Promise<Targets>;
  /** What our requests say of us there. */
  readonly face: (
    listener: string,
  ) => { readonly advertised: string; portOf(transport: ProbeTarget["transport"]): number | undefined } | undefined;
  /** True while the target asked to be left alone (503 with Retry-After). */
  readonly rests: (peer: string, target: ProbeTarget) => boolean;
  /** Where the peer's uri leads to now; before the results of those. */
  readonly onTargets: (peer: string, targets: readonly ProbeTarget[]) => void;
  readonly onResult: (peer: string, target: ProbeTarget, result: ProbeResult) => void;
  /** Its name leads nowhere. */
  readonly onUnresolved: (peer: string, uri: string, reason: string) => void;
}

export interface Probes {
  /** Begins with new peers, stops with those that are gone, keeps the others' rhythm. After each change of the configuration. */
  refresh(): void;
  stop(): void;
}

/** A round comes this part earlier or later, so that peers don't get all probes at one moment. */
const JITTER = 0.1;
/** First rounds of many peers are spread at this distance. */
const SPREAD_MS = 50;
const IN_FLIGHT_MAX = 200;
const MAX_FORWARDS = 70;

interface Watched {
  readonly peer: Peer;
  readonly policy: ProbePolicy;
  readonly uri: Uri;
  timer: Timer | undefined;
}

export const createProbes = (ports: ProbePorts): Probes => new Rounds(ports);

class Rounds implements Probes {
  readonly #ports: ProbePorts;
  readonly #watched = new Map<string, Watched>();
  #inFlight = 0;
  /** Rounds that wait for room, in their order. */
  #waiting: Watched[] = [];
  #counter = 0;
  /** Tells this process's Call-IDs from a former one's. */
  readonly #salt: string;

  constructor(ports: ProbePorts) {
    this.#ports = ports;
    this.#salt = ports.random.integer(2 ** 32).toString(36);
  }

  refresh(): void {
    const { random } = this.#ports;
    const wanted = [...this.#ports.peers()].flatMap((peer) => watchable(peer));
    const names = new Set(wanted.map(({ peer }) => peer.name));
    for (const [name, watched] of this.#watched) if (!names.has(name)) this.#forget(name, watched);
    for (const watched of wanted) {
      const { name } = watched.peer;
      const before = this.#watched.get(name);
      if (before !== undefined && sameProbe(before.peer, watched.peer)) continue;
      if (before !== undefined) this.#forget(name, before);
      this.#watched.set(name, watched);
      this.#after(watched, random.fraction() * Math.min(watched.policy.everyMs, SPREAD_MS * wanted.length));
    }
  }

  stop(): void {
    for (const [name, watched] of this.#watched) this.#forget(name, watched);
  }

  #forget(name: string, watched: Watched): void {
    watched.timer?.cancel();
    watched.timer = undefined;
    this.#watched.delete(name);
  }

  #after(watched: Watched, delayMs: number): void {
    watched.timer = this.#ports.clock.after(delayMs, () => this.#round(watched));
  }
  #watches(watched: Watched): boolean {
    return this.#watched.get(watched.peer.name) === watched;
  }

  #round(watched: Watched): void {
    const { peer, policy, uri } = watched;
    if (this.#inFlight >= IN_FLIGHT_MAX) return void this.#waiting.push(watched);
    this.#after(watched, policy.everyMs * (1 - JITTER + 2 * JITTER * this.#ports.random.fraction()));
    const located = this.#ports.locate(uri, peer.listener, peer.name);
    if (!(located instanceof Promise)) return this.#askAll(watched, located);
    this.#inFlight++;
    located.then(
      (found) => {
        this.#askAll(watched, found);
        this.#done();
      },
      (error: unknown) => {
        this.#askAll(watched, { ok: false, code: "DNS_FAILED", detail: String(error) });
        this.#done();
      },
    );
  }

  /** A request or a look-up is over: whoever waits longest is next. */
  #done(): void {
    this.#inFlight--;
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      if (this.#watches(next)) return this.#round(next);
    }
  }

  #askAll(watched: Watched, located: Targets): void {
    if (!this.#watches(watched)) return;
    const { name, uri } = watched.peer;
    if (!located.ok) return this.#ports.onUnresolved(name, uri ?? "", `${located.code}: ${located.detail}`);
    this.#ports.onTargets(name, located.targets);
    for (const target of located.targets) if (!this.#ports.rests(name, target)) this.#ask(watched, target);
  }

  #ask(watched: Watched, target: ProbeTarget): void {
    const { clock, agent } = this.#ports;
    const startedMs = clock.nowMs();
    let told = false;
    const tell = (result: Omit<ProbeResult, "rttMs">): void => {
      if (told) return;
      told = true;
      timer.cancel();
      if (this.#watches(watched)) this.#ports.onResult(watched.peer.name, target, { ...result, rttMs: clock.nowMs() - startedMs });
      this.#done();
    };
    const timer = clock.after(watched.policy.timeoutMs, () => tell(nothing("silent")));
    this.#inFlight++;
    agent.request(this.#request(watched.peer, target), (outcome) => tell(resultOf(outcome)));
  }

  #request(peer: Peer, target: ProbeTarget): Parameters<UserAgent["request"]>[0] {
    const { random } = this.#ports;
    const face = this.#ports.face(peer.listener);
    const host = face?.advertised ?? "";
    const id = `${this.#salt}.${++this.#counter}.${random.integer(2 ** 32).toString(36)}`;
    const port = face?.portOf(target.transport);
    const secure = peer.uri?.startsWith("sips:") === true;
    // RFC 3261 §8.1.1.8: a sips Request-URI wants a sips Contact, in which TLS needs no saying.
    const transport = target.transport === "UDP" || secure ? "" : `;transport=${target.transport.toLowerCase()}`;
    const contact = `${secure ? "sips" : "sip"}:${writeHostPort(host, port)}${transport}`;
    const headers: HeaderField[] = [["Accept", "application/sdp"]];
    return {
      method: "OPTIONS",
      requestUri: peer.uri ?? "",
      target,
      routeSet: [],
      localUri: `<sip:${writeHostPort(peer.fromDomain === "" ? host : peer.fromDomain, undefined)}>`,
      remoteUri: `<${peer.uri ?? ""}>`,
      localTag: id,
      sipCallId: `${id}@${host}`,
      localContact: contact,
      branchPrefix: `probe.${id}`,
      maxForwards: MAX_FORWARDS,
      headers,
      body: "",
    };
  }
}

function watchable(peer: Peer): readonly Watched[] {
  if (peer.probe === undefined || peer.uri === undefined) return [];
  const uri = parseUri(peer.uri);
  return uri.ok ? [{ peer, policy: peer.probe, uri: uri.value, timer: undefined }] : [];
}

const sameProbe = (a: Peer, b: Peer): boolean =>
  a.uri === b.uri && a.listener === b.listener && a.fromDomain === b.fromDomain && JSON.stringify(a.probe) === JSON.stringify(b.probe);

const nothing = (detail: string): Omit<ProbeResult, "rttMs"> => ({ status: 0, retryAfterMs: 0, detail });

function resultOf(outcome: FailureOutcome): Omit<ProbeResult, "rttMs"> {
  if (outcome.type === "timeout") return nothing("silent");
  if (outcome.type === "transport-error") return nothing(failureText(outcome.failure));
  const { response } = outcome;
  // RFC 3261 §20.33: delta-seconds, then comment and parameters.
  const seconds = /^\s*(\d{1,9})\b/.exec(response.header("retry-after") ?? "")?.[1];
  return { status: response.status, retryAfterMs: Number(seconds ?? 0) * 1000, detail: "" };
}
