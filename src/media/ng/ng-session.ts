/**
 * One session at one rtpengine. The engine's `prepare` and `commit` become offers and answers by a recipe that was
 * tried with rtpengine 10.5:
 *
 * - side "a" is the offerer's tag, every b-side a `via-branch` and tag of its own, so that a's port stays while the
 *   caller's call goes from gateway to gateway; `port-latching` keeps ports through every later exchange.
 * - `prepare` offers and answers at once with descriptions without a place, because the port towards one peer is
 *   wanted before the other is known; `commit` says the real ones by a second exchange.
 * - A gateway's tag is deleted only after the next one was offered: with its last branch rtpengine would forget
 *   the call. Until then the dead gateway's audio would still reach the caller, so pairing deletes it at once.
 * - What was prepared but not committed changes nothing, so there is nothing to take back after a 488.
 *
 * Commands run one after the other; counters are asked for beside them.
 */
import type { Clock, Timer } from "#base/clock.ts";
import type { Commit, LocalMedia, MediaEvent, PortPool, PrepareSide, Prepared, SessionId, SessionStats, SideName } from "#media/engine.ts";
import { type BencodedFields, type Encodable, textOf } from "./bencode.ts";
import { commonFormats, describePeer, familyOf, localMediaOf } from "./ng-description.ts";
import type { NgAnswer, NgNode } from "./ng-node.ts";
import { type Side, flagsFor, mustSpeak, muxOf, newSide, statsOf } from "./ng-side.ts";
import { type TagStatistics, tagStatistics } from "./ng-statistics.ts";

/** The first look at the counters comes soon, to see the first packets. */
const FIRST_LOOK_MS = 250;
const LOOK_MIN_MS = 200;
const LOOK_MAX_MS = 5_000;
/** The timeout is found within a quarter of itself. */
const LOOKS_PER_TIMEOUT = 4;
/** An rtpengine that does not answer for so long has lost its sessions, if their timeout is not longer. */
const NODE_AWAY_MS = 10_000;
const UNKNOWN_CALL = "Unknown call-id";

export interface NgSessionOwner {
  readonly clock: Clock;
  pool(name: string): PortPool | undefined;
  /** rtpengine's name for a pool. */
  interfaceOf(pool: string): string;
  emit(event: MediaEvent): void;
  problem(session: SessionId, side: SideName, detail: string): void;
  /** The pool's address as rtpengine has it. */
  onLocal(pool: PortPool, node: NgNode, local: LocalMedia): void;
  /** rtpengine holds it no longer. */
  onEnded(session: NgSession): void;
}

export type NgPrepared = Prepared & { /** Another rtpengine may be tried. */ readonly elsewhere?: boolean };

type Exchanged =
  | { readonly ok: true; readonly a: LocalMedia; readonly b: LocalMedia }
  | { readonly ok: false; readonly why: "gone" | "refused"; readonly reason: string };

export class NgSession {
  readonly id: SessionId;
  readonly node: NgNode;
  readonly #owner: NgSessionOwner;
  readonly #callId: string;
  readonly #sides = new Map<SideName, Side>();
  #pair: SideName | undefined;
  #timeoutMs = 0;
  #queue: Promise<unknown> = Promise.resolve();
  #look: Timer | undefined;
  #lookMs = FIRST_LOOK_MS;
  /** rtpengine was away when the last commit came. */
  #unsaid = false;
  #ended = false;

  constructor(id: SessionId, callId: string, node: NgNode, owner: NgSessionOwner) {
    this.id = id;
    this.#callId = callId;
    this.node = node;
    this.#owner = owner;
  }

  /** A session of a former process, from what rtpengine says of it. */
  static found(id: SessionId, callId: string, node: NgNode, owner: NgSessionOwner, answer: BencodedFields): NgSession {
    const session = new NgSession(id, callId, node, owner);
    for (const { tag, localPort, localRtcpPort, asymmetric } of tagStatistics(answer).values()) {
      if (localPort === 0) continue;
      const side = session.#newSide(tag, undefined, !asymmetric);
      side.local = { address: "", port: localPort, rtcpPort: localRtcpPort };
      // Told by the former process.
      side.firstTold = true;
      if (tag !== "a") session.#pair = tag;
    }
    session.#lookAgain();
    return session;
  }

  get ended(): boolean {
    return this.#ended;
  }

  #inTurn<T>(run: () => Promise<T>): Promise<T> {
    const turn = this.#queue.then(run);
    this.#queue = turn.catch(() => {});
    return turn;
  }

  prepare(wanted: readonly PrepareSide[]): Promise<NgPrepared> {
    return this.#inTurn(async () => {
      if (this.#ended) return { ok: false, code: "ENGINE_GONE", detail: "the session has ended" };
      for (const each of wanted) if (!this.#sides.has(each.side)) this.#newSide(each.side, each, each.nat);
      const a = this.#sides.get("a");
      if (a === undefined) return { ok: false, code: "REFUSED", detail: "rtpengine needs the caller's side before a gateway's" };
      const local: Record<SideName, LocalMedia> = {};
      for (const { side } of wanted) {
        const b = this.#sides.get(side)!;
        if (side === "a") continue;
        if (b.local === undefined) {
          const failure = await this.#open(a, b);
          if (failure !== undefined) {
            this.#sides.delete(side);
            return failure;
          }
        }
        local[side] = b.local!;
      }
      if (wanted.some(({ side }) => side === "a")) {
        if (a.local === undefined)
          return { ok: false, code: "REFUSED", detail: "rtpengine gives the caller's port only together with a gateway's" };
        local["a"] = a.local;
      }
      return { ok: true, local };
    });
  }

  async #open(a: Side, b: Side): Promise<(NgPrepared & { readonly ok: false }) | undefined> {
    const exchanged = await this.#exchange(a, b);
    if (!exchanged.ok) {
      const code = exchanged.why === "gone" ? "ENGINE_GONE" : /out of ports/i.test(exchanged.reason) ? "PORTS_EXHAUSTED" : "REFUSED";
      return { ok: false, code, detail: `rtpengine ${this.node.name}: ${exchanged.reason}`, elsewhere: a.local === undefined };
    }
    if (a.local !== undefined && a.local.port !== exchanged.a.port) {
      return {
        ok: false,
        code: "REFUSED",
        detail: `rtpengine ${this.node.name} moved the caller's port from ${a.local.port} to ${exchanged.a.port}`,
      };
    }
    a.local = exchanged.a;
    b.local = exchanged.b;
    for (const side of [a, b]) {
      const pool = side.wanted === undefined ? undefined : this.#owner.pool(side.wanted.pool);
      if (pool !== undefined) this.#owner.onLocal(pool, this.node, side.local!);
    }
    // Now that there is a next one.
    for (const side of this.#sides.values()) if (side.left) await this.#delete(side);
    return undefined;
  }

  /** Offer and answer. Before the pair's places are known they are said without. */
  async #exchange(a: Side, b: Side): Promise<Exchanged> {
    const poolA = this.#poolOf(a);
    const poolB = this.#poolOf(b);
    const formats = commonFormats(a.remote, b.remote);
    // rtpengine has one mark for both sides of a call.
    const dscp = b.wanted?.dscp ?? a.wanted?.dscp ?? poolA?.dscp ?? poolB?.dscp;
    const common: Record<string, Encodable | undefined> = {
      "call-id": this.#callId,
      "from-tag": a.name,
      "via-branch": b.name,
      ICE: "remove",
      DTLS: "off",
      SDES: ["off"],
      replace: ["origin"],
      TOS: dscp === undefined ? undefined : dscp << 2,
    };
    const muxA = muxOf(a);
    const muxB = muxOf(b);
    const describe = (side: Side, pool: PortPool | undefined): string =>
      describePeer(side.remote, muxOf(side), familyOf(pool?.bindAddress ?? ""), formats);
    const offered = await this.node.request({
      ...common,
      command: "offer",
      // A second offer within the same pair; the first one makes the branch.
      "to-tag": b.local === undefined ? undefined : b.name,
      sdp: describe(a, poolA),
      flags: flagsFor(a),
      direction:
        poolA === undefined || poolB === undefined ? undefined : [this.#owner.interfaceOf(poolA.name), this.#owner.interfaceOf(poolB.name)],
      "address family": poolB === undefined ? undefined : familyOf(poolB.bindAddress),
      "rtcp-mux": [muxB ? "offer" : "demux"],
    });
    if (!offered.ok) return offered;
    const answered = await this.node.request({
      ...common,
      command: "answer",
      "to-tag": b.name,
      sdp: describe(b, poolB),
      flags: flagsFor(b),
      "address family": poolA === undefined ? undefined : familyOf(poolA.bindAddress),
      "rtcp-mux": [muxA ? "accept" : "reject"],
    });
    if (!answered.ok) return answered;
    const localB = localMediaOf(textOf(offered.fields, "sdp"));
    const localA = localMediaOf(textOf(answered.fields, "sdp"));
    if (localA === undefined || localB === undefined) return { ok: false, why: "refused", reason: "its description names no port" };
    return { ok: true, a: localA, b: localB };
  }

  commit(commit: Commit): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#ended) return;
      for (const [name, remote] of Object.entries(commit.remotes)) {
        const side = this.#sides.get(name);
        if (side === undefined) continue;
        side.remote = remote;
        side.heardMs = this.#owner.clock.nowMs();
        side.timeoutTold = false;
      }
      if (commit.timeoutMs !== undefined) this.#timeoutMs = commit.timeoutMs;
      const before = this.#pair;
      if (commit.pair !== undefined) this.#pair = commit.pair;
      await this.#say();
      const former = before === undefined || before === this.#pair ? undefined : this.#sides.get(before);
      if (former !== undefined && !this.#ended) await this.#delete(former);
      this.#lookMs = FIRST_LOOK_MS;
      this.#lookAgain();
    });
  }

  /** Tells rtpengine where the pair's peers are. */
  async #say(): Promise<void> {
    const a = this.#sides.get("a");
    const b = this.#pair === undefined ? undefined : this.#sides.get(this.#pair);
    if (a?.local === undefined || b?.local === undefined || (a.remote === undefined && b.remote === undefined)) return;
    const exchanged = await this.#exchange(a, b);
    this.#unsaid = !exchanged.ok && exchanged.why === "gone";
    if (!exchanged.ok) {
      if (exchanged.why === "refused") this.#owner.problem(this.id, b.name, `rtpengine ${this.node.name}: ${exchanged.reason}`);
      return;
    }
    // An rtpengine that was restarted took the offer for a new call, with ports that nobody was told.
    if (exchanged.a.port === a.local.port && exchanged.b.port === b.local.port) return;
    await this.#forget();
    this.#gone("rtpengine was restarted");
  }

  abort(name: SideName): Promise<void> {
    return this.#inTurn(async () => {
      const side = this.#sides.get(name);
      if (side === undefined || this.#ended) return;
      if (side.local === undefined) return void this.#sides.delete(name);
      const others = [...this.#sides.values()].some((other) => other !== side && other.name !== "a" && !other.left);
      if (others) return this.#delete(side);
      side.left = true;
      if (this.#pair === name) this.#pair = undefined;
    });
  }

  async #delete(side: Side): Promise<void> {
    this.#sides.delete(side.name);
    if (this.#pair === side.name) this.#pair = undefined;
    await this.node.request({ command: "delete", "call-id": this.#callId, "from-tag": side.name, "delete delay": 0 });
  }

  async #forget(): Promise<void> {
    await this.node.request({ command: "delete", "call-id": this.#callId, "delete delay": 0 });
  }

  release(): Promise<SessionStats | undefined> {
    return this.#inTurn(async () => {
      if (this.#ended) return undefined;
      const stats = await this.#ask();
      await this.#forget();
      this.#close();
      return stats;
    });
  }

  stats(): Promise<SessionStats | undefined> {
    return this.#inTurn(() => (this.#ended ? Promise.resolve(undefined) : this.#ask()));
  }

  #query(): Promise<NgAnswer> {
    return this.node.request({ command: "query", "call-id": this.#callId });
  }

  async #ask(): Promise<SessionStats | undefined> {
    const answer = await this.#query();
    if (!answer.ok) return undefined;
    const tags = tagStatistics(answer.fields);
    this.#observe(tags);
    return statsOf(this.id, this.#sides, this.#pair, tags);
  }

  /** rtpengine is back: is the session, and does it know all? */
  async resume(): Promise<void> {
    await this.#inTurn(async () => {
      if (this.#ended) return;
      const answer = await this.#query();
      if (isUnknown(answer)) return this.#gone("rtpengine was restarted");
      if (this.#unsaid) await this.#say();
    });
  }

  // Looking at the counters: rtpengine tells nothing by itself

  #lookAgain(): void {
    this.#look?.cancel();
    if (this.#ended) return;
    const atMostMs = Math.max(
      LOOK_MIN_MS,
      Math.min(LOOK_MAX_MS, this.#timeoutMs === 0 ? LOOK_MAX_MS : this.#timeoutMs / LOOKS_PER_TIMEOUT),
    );
    this.#look = this.#owner.clock.after(Math.min(this.#lookMs, atMostMs), () => void this.#lookNow());
    this.#lookMs = Math.min(2 * this.#lookMs, LOOK_MAX_MS);
  }

  async #lookNow(): Promise<void> {
    if (this.node.up === false) {
      const awayMs = this.#owner.clock.nowMs() - this.node.downSinceMs;
      if (this.#timeoutMs > 0 && awayMs >= Math.max(this.#timeoutMs, NODE_AWAY_MS)) {
        return this.#gone(`rtpengine ${this.node.name} has been away for ${Math.round(awayMs / 1000)} s: ${this.node.reason}`);
      }
    } else {
      const answer = await this.#query();
      if (this.#ended) return;
      if (isUnknown(answer)) return this.#gone("rtpengine no longer has the session");
      if (answer.ok) this.#observe(tagStatistics(answer.fields));
      if (answer.ok && this.#unsaid) await this.#inTurn(() => this.#say());
    }
    this.#lookAgain();
  }

  #observe(tags: ReadonlyMap<string, TagStatistics>): void {
    const a = this.#sides.get("a");
    const b = this.#pair === undefined ? undefined : this.#sides.get(this.#pair);
    if (a === undefined || b === undefined) return;
    for (const [side, partner] of [
      [a, b],
      [b, a],
    ] as const) {
      const counted = tags.get(side.name);
      if (counted !== undefined) this.#observeSide(side, counted, mustSpeak(side, partner));
    }
  }

  #observeSide(side: Side, counted: TagStatistics, speaks: boolean): void {
    const nowMs = this.#owner.clock.nowMs();
    if (counted.packets > side.packets) {
      side.packets = counted.packets;
      side.heardMs = nowMs;
      if (!side.firstTold) {
        side.firstTold = true;
        this.#owner.emit({ type: "first-packet", session: this.id, side: side.name, from: counted.peer });
      }
    }
    if (counted.errors > side.strays) {
      // rtpengine says how many it dropped, and not where they came from.
      this.#owner.emit({ type: "stray", session: this.id, side: side.name, from: "", packets: counted.errors - side.strays });
      side.strays = counted.errors;
    }
    const silentMs = nowMs - side.heardMs;
    if (!speaks || this.#timeoutMs === 0 || silentMs < this.#timeoutMs || side.timeoutTold) return;
    side.timeoutTold = true;
    this.#owner.emit({ type: "timeout", session: this.id, side: side.name, silentMs: Math.round(silentMs) });
  }

  #gone(reason: string): void {
    if (this.#ended) return;
    this.#close();
    this.#owner.emit({ type: "gone", session: this.id, reason });
  }

  #close(): void {
    this.#ended = true;
    this.#look?.cancel();
    this.#owner.onEnded(this);
  }
  /** The adapter ends; what rtpengine holds goes on. */
  leave(): void {
    this.#ended = true;
    this.#look?.cancel();
  }

  #poolOf(side: Side): PortPool | undefined {
    return side.wanted === undefined ? undefined : this.#owner.pool(side.wanted.pool);
  }

  #newSide(name: SideName, wanted: PrepareSide | undefined, nat: boolean): Side {
    const side = newSide(name, wanted, nat, this.#owner.clock.nowMs());
    this.#sides.set(name, side);
    return side;
  }
}

const isUnknown = (answer: NgAnswer): boolean =>
  !answer.ok && answer.why === "refused" && answer.reason.toLowerCase() === UNKNOWN_CALL.toLowerCase();
