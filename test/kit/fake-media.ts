/**
 * A media engine in memory: hands out ports, remembers what it was told, and loses or refuses on demand.
 * No packet ever moves; what the real engines do with the same calls is the contract suite's subject.
 */
import type {
  Commit,
  LocalMedia,
  MediaCapability,
  MediaEngine,
  MediaEvent,
  MediaFailureCode,
  Play,
  Prepared,
  PrepareSide,
  SessionId,
  SessionStats,
  SideName,
  SideStats,
} from "#media/engine.ts";

export interface FakeSession {
  readonly sides: Map<SideName, { readonly local: LocalMedia; readonly prepared: PrepareSide }>;
  readonly commits: Commit[];
  pair: SideName | undefined;
}

const PORT_FIRST = 20_000;

export class FakeMedia implements MediaEngine {
  readonly name = "fake";
  readonly capabilities: ReadonlySet<MediaCapability> = new Set<MediaCapability>(["relay", "rtcp-mux", "any-pair", "play"]);
  onEvent: ((event: MediaEvent) => void) | undefined;
  readonly sessions = new Map<SessionId, FakeSession>();
  /** Sessions that were released, in order. */
  readonly released: SessionId[] = [];
  readonly plays: Play[] = [];
  /** Set: every prepare fails with it. */
  refusal: MediaFailureCode | undefined;
  /** Address of each pool; others are 127.0.0.1. */
  readonly addresses: Readonly<Record<string, string>>;
  #nextPort = PORT_FIRST;

  constructor(addresses: Readonly<Record<string, string>> = {}) {
    this.addresses = addresses;
  }

  /** The only session, for tests of one call. */
  get session(): FakeSession | undefined {
    return this.sessions.values().next().value;
  }

  prepare(session: SessionId, sides: readonly PrepareSide[]): Promise<Prepared> {
    if (this.refusal !== undefined) return Promise.resolve({ ok: false, code: this.refusal, detail: "on demand" });
    const held = this.sessions.get(session) ?? { sides: new Map(), commits: [], pair: undefined };
    this.sessions.set(session, held);
    const local: Record<SideName, LocalMedia> = {};
    for (const prepared of sides) {
      const port = this.#nextPort;
      this.#nextPort += 2;
      const opened = held.sides.get(prepared.side)?.local ?? {
        address: this.addresses[prepared.pool] ?? "127.0.0.1",
        port,
        rtcpPort: port + 1,
      };
      held.sides.set(prepared.side, { local: opened, prepared });
      local[prepared.side] = opened;
    }
    return Promise.resolve({ ok: true, local });
  }

  commit(commit: Commit): void {
    const held = this.sessions.get(commit.session);
    if (held === undefined) return;
    held.commits.push(commit);
    held.pair = commit.pair ?? held.pair;
  }
  play(play: Play): void {
    this.plays.push(play);
  }
  abort(session: SessionId, side: SideName): void {
    this.sessions.get(session)?.sides.delete(side);
  }
  release(session: SessionId): Promise<SessionStats | undefined> {
    const stats = this.#stats(session);
    this.released.push(session);
    this.sessions.delete(session);
    return Promise.resolve(stats);
  }
  stats(session: SessionId): Promise<SessionStats | undefined> {
    return Promise.resolve(this.#stats(session));
  }

  #stats(session: SessionId): SessionStats | undefined {
    const held = this.sessions.get(session);
    return held === undefined ? undefined : { session, sides: Array.from(held.sides.keys(), countedOf) };
  }
}

const countedOf = (side: SideName): SideStats => ({
  side,
  packetsReceived: 50,
  bytesReceived: 8600,
  packetsSent: 50,
  bytesSent: 8600,
  strays: 0,
  malformed: 0,
  lost: 1,
  jitterMs: 2,
  rtcpReceived: 1,
  learnedFrom: "",
});
