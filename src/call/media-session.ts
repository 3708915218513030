/**
 * The audio of one call: what each side offered and answered, what we told each side, and the engine's
 * session that carries it (RFC 3264 offer/answer, RFC 3960 early media). Both sides' descriptions are
 * generated (`sdp/relay-description.ts`); nothing of one side's text reaches the other.
 *
 * Side "a" is the caller's and stays for the whole call; every gateway tried has a side of its own, and "b" is
 * the one whose description was taken last: several may ring at once. The
 * description that reached the caller first is pinned: it is what any later answer says. Who sends which
 * SIP message is `call.ts`'s and `bridge.ts`'s business.
 */
import { isIP } from "node:net";
import type { CallId } from "#base/ids.ts";
import type { Commit, LocalMedia, MediaEngine, PrepareSide, Prepared, RemoteMedia, SessionStats, SideName, Tone } from "#media/engine.ts";
import type { Peer } from "#routing/snapshot.ts";
import type { SessionDescription } from "#sdp/description.ts";
import { sameMedia } from "#sdp/same-media.ts";
import { parseSdp } from "#sdp/parse-sdp.ts";
import { relayDescription } from "#sdp/relay-description.ts";
import { writeSdp } from "#sdp/write-sdp.ts";
import { audioOf, firstCodecOf, hasMux, remoteOf, remoteOfText } from "./audio-facts.ts";
import { codecRule } from "./codec-rule.ts";
import { playTone } from "./own-tone.ts";
import { ownOffer, withUsual } from "./own-offer.ts";
import { type MediaState, Stream } from "./stream.ts";

export type Side = "a" | "b";
export const otherSide = (side: Side): Side => (side === "a" ? "b" : "a");

export type Told = { readonly ok: true; readonly sdp: string } | { readonly ok: false; readonly reason: string };

/** An offer that waits for its answer: in force only when that came. */
interface Pending {
  readonly offerer: Side;
  readonly received: string;
  /** What we sent to the answerer, and what it had before. */
  readonly sent: string;
  readonly sentBefore: string;
}

/** A gateway that is being tried. */
interface Tried {
  readonly stream: Stream;
  readonly peer: Peer;
}

/** What we generated, and the payload types of its audio. */
type Said =
  | { readonly ok: true; readonly sdp: string; readonly formats: readonly string[] }
  | { readonly ok: false; readonly reason: string };

const failed = (reason: string): { readonly ok: false; readonly reason: string } => ({ ok: false, reason });

export class MediaSession {
  readonly #engine: MediaEngine;
  readonly id: CallId;
  readonly #sessionId: number;
  #a: Stream | undefined;
  #b: Stream | undefined;
  #callerPeer: Peer;
  #calleePeer: Peer | undefined;
  /** Sides of the gateways that are being tried. */
  #tried: Map<SideName, Tried> | undefined;
  /** The first question to the engine, which makes the session: others wait for its end. */
  #opening: Promise<unknown> | undefined;
  /** The caller's offer, parsed, while hunting; undefined for a late offer and after the answer. */
  #callerOffer: SessionDescription | undefined;
  #callerOfferText = "";
  #wantsMux = false;
  /** Payload types of the description that is pinned at the caller. */
  #pinned: readonly string[] | undefined;
  #pending: Pending | undefined;
  #timeoutMs = 0;
  #opened = false;
  /** We call both sides, so that nobody's offer comes first: who answers first becomes side "a", under his own name. */
  #placed = false;
  /** Side "b" is being replaced. */
  #moving = false;
  #left: Stream | undefined;

  /** @param sessionId a number for the o= lines that says nothing of us: RFC 8866 §5.2 wants it unique only */
  constructor(engine: MediaEngine, id: CallId, callerPeer: Peer, sessionId: number) {
    this.#engine = engine;
    this.id = id;
    this.#callerPeer = callerPeer;
    this.#sessionId = sessionId;
  }

  static restore(engine: MediaEngine, id: CallId, caller: Peer, callee: Peer, state: MediaState): MediaSession {
    const session = new MediaSession(engine, id, caller, 0);
    session.#a = new Stream(state.a);
    session.#b = new Stream(state.b);
    session.#calleePeer = callee;
    session.#timeoutMs = state.timeoutMs;
    session.#opened = true;
    // The former process may have died before it told the engine; what it was told already changes nothing.
    const [a, b] = [state.a, state.b].map(({ received, rtcpMux }) => remoteOfText(received, rtcpMux));
    if (a !== undefined && b !== undefined) session.#commit({ [state.a.name]: a, [state.b.name]: b });
    return session;
  }

  get state(): MediaState | undefined {
    return this.#a === undefined || this.#b === undefined ? undefined : { a: this.#a.state, b: this.#b.state, timeoutMs: this.#timeoutMs };
  }
  /** True once the engine was asked for anything, so that it must be told of the end. */
  get opened(): boolean {
    return this.#opened;
  }
  /** True while the engine should hold ports for both sides. */
  get prepared(): boolean {
    const trying = (this.#tried?.size ?? 0) > 0;
    return this.#a === undefined ? this.#placed && trying : this.#b !== undefined || trying;
  }
  /** The first codec of the description in force at this side. */
  codec(side: Side): string {
    return this.#stream(side)?.codec ?? "";
  }

  /** The INVITE's offer. Without one (late offer) the session makes its own towards the callee. */
  callerOffers(text: string): Told {
    const parsed = parseSdp(text);
    if (!parsed.ok) return failed(`offer: ${parsed.reason}`);
    if (remoteOf(parsed.value, true) === undefined) return failed("the offer has no audio");
    this.#callerOffer = parsed.value;
    this.#callerOfferText = text;
    this.#wantsMux = audioOf(parsed.value)!.attributes.some((attribute) => attribute.name === "rtcp-mux");
    return { ok: true, sdp: "" };
  }

  /** No caller: see `#placed`. */
  place(): void {
    this.#placed = true;
  }

  /** To the caller whose offer came, before he is refused; @returns the description for him */
  tone(tone: Tone, callerAddress: string, durationMs: number): Promise<Told> {
    this.#opened = true;
    const wish = { session: this.id, sessionId: this.#sessionId, caller: this.#callerPeer, callerAddress, offer: this.#callerOfferText };
    return playTone(this.#engine, { ...wish, tone, durationMs });
  }

  /** Ports for a gateway's side, and with the first one for the caller's. */
  async prepare(name: SideName, callee: Peer, calleeAddress: string, callerAddress: string): Promise<Prepared> {
    while (this.#a === undefined && this.#opening !== undefined) await this.#opening;
    const prepared = this.#prepare(name, callee, calleeAddress, callerAddress);
    if (this.#a !== undefined || this.#placed) return prepared;
    this.#opening = prepared.catch(() => undefined);
    try {
      return await prepared;
    } finally {
      this.#opening = undefined;
    }
  }
  async #prepare(name: SideName, callee: Peer, calleeAddress: string, callerAddress: string): Promise<Prepared> {
    const rtcpMux = this.#wantsMux;
    const sides: PrepareSide[] = [];
    const caller = this.#callerPeer;
    if (this.#a === undefined && !this.#placed)
      sides.push({ side: "a", pool: caller.listener, nat: caller.nat, signallingAddress: callerAddress, rtcpMux, ...markOf(caller) });
    sides.push({ side: name, pool: callee.listener, nat: callee.nat, signallingAddress: calleeAddress, rtcpMux, ...markOf(callee) });
    this.#opened = true;
    const prepared = await this.#engine.prepare(this.id, sides);
    if (!prepared.ok) return prepared;
    const localA = prepared.local["a"];
    const localB = prepared.local[name];
    if (this.#a === undefined && !this.#placed && localA !== undefined) this.#a = this.#newStream("a", localA, rtcpMux, 0);
    if (localB === undefined || (this.#a === undefined && !this.#placed))
      return { ok: false, code: "REFUSED", detail: "the engine named no port" };
    this.#tried ??= new Map();
    this.#tried.set(name, { stream: this.#newStream(name, localB, rtcpMux, 1), peer: callee });
    return prepared;
  }

  /** The offer for a gateway whose side is prepared; reduced to what is pinned at the caller. */
  offerCallee(name: SideName): Told {
    const { stream, peer } = this.#tried!.get(name)!;
    const codecs = codecRule(peer, this.#callerPeer);
    if (this.#callerOffer === undefined) {
      const names = codecs === undefined || codecs.only ? (codecs?.order ?? []) : withUsual(codecs.order);
      return this.#say(stream, (origin) => ({ ok: true, value: ownOffer(names, origin, stream.local) }));
    }
    const received = this.#callerOffer;
    const keepOnly = this.#pinned;
    return this.#say(stream, (origin) =>
      relayDescription({
        received,
        origin,
        local: stream.local,
        rtcpMux: stream.rtcpMux,
        role: "offer",
        ...(codecs === undefined ? {} : { codecs }),
        ...(keepOnly === undefined ? {} : { keepOnly: keepOnly.map(Number) }),
        // Whoever stays may have been put on hold by the one who leaves.
        ...(this.#moving && { direction: "sendrecv" }),
      }),
    );
  }

  /**
   * A gateway's description, early or final. It gets the caller's audio from now on.
   * @param toCaller whether the description goes to the caller now; then it is pinned
   * @returns what to tell the caller; for a late offer that is an offer
   */
  calleeAnswers(name: SideName, text: string, toCaller: boolean): Told {
    const { stream: callee, peer } = this.#tried!.get(name)!;
    const parsed = parseSdp(text);
    if (!parsed.ok) return failed(`answer: ${parsed.reason}`);
    const remote = remoteOf(parsed.value, callee.rtcpMux);
    if (remote === undefined) return failed("the answer declines the audio");
    // RFC 8866 §5.7 allows a name, which no engine resolves: without learning, nothing would ever be heard there.
    if (isIP(remote.address) === 0 && !peer.nat) return failed(`the answer has no address for its audio, but "${remote.address}"`);
    callee.take(text, parsed.value);
    if (this.#moving) {
      // An exchange with the side that is replaced comes to nothing.
      this.rollBack();
      this.#left = this.#b;
    }
    if (this.#a === undefined) return this.#firstAnswers(callee, peer, parsed.value, text);
    this.#b = callee;
    this.#calleePeer = peer;
    this.#timeoutMs = shorter(this.#callerPeer.mediaTimeoutMs, peer.mediaTimeoutMs);
    if (this.#moving) {
      this.#commit({ [this.#a!.name]: remoteOfText(this.#a!.received, this.#a!.rtcpMux)!, [callee.name]: remote });
      return { ok: true, sdp: "" };
    }
    if (this.#callerOffer === undefined) return toCaller ? this.#offerCaller(parsed.value) : { ok: true, sdp: "" };
    const caller = this.#a!;
    if (toCaller && this.#pinned === undefined) {
      const told = this.#tellCaller(parsed.value, this.#callerOffer);
      if (!told.ok) return told;
      caller.take(this.#callerOfferText, this.#callerOffer);
    }
    if (toCaller || this.#pinned !== undefined) {
      const own = remoteOf(this.#callerOffer, caller.rtcpMux)!;
      this.#commit({ [caller.name]: own, [callee.name]: remote });
    }
    return { ok: true, sdp: caller.sent };
  }

  /**
   * Side "b" is going to be replaced: who is tried from now on is offered the codec that "a" speaks, and takes its place
   * with his answer. @returns why that can't be
   */
  move(): string | undefined {
    const received = parseSdp(this.#a!.received);
    const sent = parseSdp(this.#a!.sent);
    if (!received.ok || !sent.ok) return "what was agreed can't be read";
    const formats = firstCodecOf(received.value, audioOf(sent.value)?.formats);
    if (formats === undefined) return "no codec was agreed";
    this.#callerOffer = received.value;
    this.#pinned = formats.map(String);
    this.#moving = true;
    return undefined;
  }
  /** The sides change places. */
  swap(): void {
    [this.#a, this.#b] = [this.#b, this.#a];
    const callee = this.#calleePeer;
    this.#calleePeer = this.#callerPeer;
    if (callee !== undefined) this.#callerPeer = callee;
  }
  /** First codec of the side that a move has replaced. */
  get leftCodec(): string {
    return this.#left?.codec ?? "";
  }
  /** After a move: the offer for "a" where what it was told of "b" holds no longer; "" where it does. */
  tellMoved(): string {
    const [a, b] = [this.#a!, this.#b!];
    const [received, offer, before] = [parseSdp(b.received), parseSdp(a.received), parseSdp(a.sent)];
    if (!received.ok || !offer.ok || !before.ok) return "";
    const sentBefore = a.sent;
    const keepOnly = audioOf(before.value)?.formats.map(Number) ?? [];
    const { local, rtcpMux } = a;
    // As many streams as there were (RFC 3264 §8).
    const told = this.#say(a, (origin) =>
      relayDescription({ received: received.value, origin, local, rtcpMux, role: "answer", offer: offer.value, keepOnly }),
    );
    if (!told.ok || told.sdp === sentBefore) return "";
    this.#pending = { offerer: "b", received: b.received, sent: told.sdp, sentBefore };
    return told.sdp;
  }

  /** Of a call that we place: the next one is offered the codec that this side answered with, so that both agree (RFC 3725 §4.1). */
  #firstAnswers(first: Stream, peer: Peer, answer: SessionDescription, text: string): Told {
    const formats = firstCodecOf(answer);
    if (formats === undefined) return failed("the answer has no codec");
    this.#tried?.delete(first.name);
    this.#a = first;
    this.#callerPeer = peer;
    this.#callerOffer = answer;
    this.#callerOfferText = text;
    this.#pinned = formats.map(String);
    return { ok: true, sdp: "" };
  }

  /** The answer to a late offer, from the caller's ACK. */
  callerAnswers(text: string): Told {
    const parsed = parseSdp(text);
    if (!parsed.ok) return failed(`answer: ${parsed.reason}`);
    const own = remoteOf(parsed.value, this.#a!.rtcpMux);
    const far = remoteOfText(this.#b!.received, this.#b!.rtcpMux);
    if (own === undefined || far === undefined) return failed("the answer declines the audio");
    this.#a!.take(text, parsed.value);
    this.#commit({ [this.#a!.name]: own, [this.#b!.name]: far });
    return { ok: true, sdp: "" };
  }

  /** Nothing of hunting is needed any more. */
  settled(): void {
    this.#callerOffer = undefined;
    this.#callerOfferText = "";
    this.#tried = undefined;
    this.#moving = false;
  }

  /** A gateway was left behind. */
  abort(name: SideName): void {
    this.#tried?.delete(name);
    if (this.#b?.name === name) this.#b = undefined;
    this.#engine.abort(this.id, name);
  }

  /**
   * A new offer in the running call.
   * @param solicited it was asked for (RFC 3261 §14.2, re-INVITE without offer), so it is relayed even if nothing changed
   * @returns same: answer it with `sdp`, nothing changed; relay: `sdp` is the offer for the other side
   */
  reoffer(
    side: Side,
    text: string,
    solicited = false,
  ): { readonly type: "same" | "relay"; readonly sdp: string } | { readonly type: "bad"; readonly reason: string } {
    const stream = this.#stream(side)!;
    const other = this.#stream(otherSide(side))!;
    if (text === stream.received && !solicited) return { type: "same", sdp: stream.sent };
    const parsed = parseSdp(text);
    if (!parsed.ok) return { type: "bad", reason: `offer: ${parsed.reason}` };
    const before = parseSdp(stream.received);
    if (!solicited && before.ok && sameMedia(before.value, parsed.value)) return { type: "same", sdp: stream.sent };
    if (remoteOf(parsed.value, true) === undefined) return { type: "bad", reason: "the offer has no audio" };
    // RFC 3264 §8: what was once described stays, so a description shorter than its predecessor is refused.
    if (before.ok && parsed.value.media.length < before.value.media.length)
      return { type: "bad", reason: "the offer has fewer streams than before" };
    const sentBefore = other.sent;
    const codecs = this.#codecsToward(otherSide(side));
    const told = this.#say(other, (origin) =>
      relayDescription({
        received: parsed.value,
        origin,
        local: other.local,
        rtcpMux: other.rtcpMux,
        role: "offer",
        ...(codecs === undefined ? {} : { codecs }),
      }),
    );
    if (!told.ok) return { type: "bad", reason: told.reason };
    this.#pending = { offerer: side, received: text, sent: told.sdp, sentBefore };
    return { type: "relay", sdp: told.sdp };
  }

  /** The other side's answer to what `reoffer` relayed; @returns the answer for the offerer */
  reanswer(text: string): Told {
    const pending = this.#pending!;
    const stream = this.#stream(pending.offerer)!;
    const other = this.#stream(otherSide(pending.offerer))!;
    const offer = parseSdp(pending.received);
    const parsed = parseSdp(text);
    if (!parsed.ok || !offer.ok) return failed(parsed.ok ? "offer lost" : `answer: ${parsed.reason}`);
    const own = remoteOf(offer.value, stream.rtcpMux);
    const far = remoteOf(parsed.value, other.rtcpMux);
    if (own === undefined || far === undefined) return failed("the answer declines the audio");
    const told = this.#answer(stream, parsed.value, offer.value);
    if (!told.ok) return told;
    this.#pending = undefined;
    stream.take(pending.received, offer.value);
    other.take(text, parsed.value);
    this.#commit({ [stream.name]: own, [other.name]: far });
    return told;
  }

  /**
   * The pending offer came to nothing, and what was in force before is again.
   * @param taken the answerer accepted it, so it must be offered the former description anew
   * @returns that offer
   */
  rollBack(taken = false): string {
    const pending = this.#pending;
    if (pending === undefined) return "";
    this.#pending = undefined;
    const other = this.#stream(otherSide(pending.offerer))!;
    other.sent = taken ? pending.sentBefore.replace(/^(o=\S+ \S+ )\d+/m, `$1${++other.version}`) : pending.sentBefore;
    return other.sent;
  }
  /** What this side was told last: the answer to an offer that changes nothing, or that can't be met. */
  told(side: Side): string {
    return this.#stream(side)?.sent ?? "";
  }
  get exchanging(): boolean {
    return this.#pending !== undefined;
  }
  /** True where either side may not be heard now: hold (RFC 3264 §8.4). */
  get held(): boolean {
    return [this.#a, this.#b].some((stream) => {
      const remote = remoteOfText(stream?.received ?? "", false);
      return remote !== undefined && remote.direction !== "sendrecv";
    });
  }

  release(): Promise<SessionStats | undefined> {
    return this.#engine.release(this.id);
  }

  /** Late offer: one audio codec of the callee's answer and its events, so that any answer fits it. */
  #offerCaller(answer: SessionDescription): Told {
    const stream = this.#a!;
    if (this.#pinned !== undefined) return { ok: true, sdp: stream.sent };
    const keepOnly = firstCodecOf(answer);
    if (keepOnly === undefined) return failed("the answer has no codec");
    const told = this.#say(stream, (origin) =>
      relayDescription({ received: answer, origin, local: stream.local, rtcpMux: stream.rtcpMux, role: "offer", keepOnly }),
    );
    if (told.ok) this.#pinned = told.formats;
    return told;
  }

  #tellCaller(answer: SessionDescription, offer: SessionDescription): Told {
    const told = this.#answer(this.#a!, answer, offer);
    if (told.ok) this.#pinned = told.formats;
    return told;
  }

  #answer(stream: Stream, answer: SessionDescription, offer: SessionDescription): Said {
    const rtcpMux = stream.rtcpMux && hasMux(offer);
    return this.#say(stream, (origin) =>
      relayDescription({ received: answer, origin, local: stream.local, rtcpMux, role: "answer", offer }),
    );
  }

  /** Generates with the version in use, and with the next one where that changed anything (RFC 3264 §8). */
  #say(stream: Stream, generate: (origin: Origin) => Generated): Said {
    const at = (version: number): Said => {
      const generated = generate({ sessionId: stream.sessionId, sessionVersion: String(version), address: stream.local.address });
      if (!generated.ok) return failed(generated.reason);
      return { ok: true, sdp: writeSdp(generated.value), formats: audioOf(generated.value)?.formats ?? [] };
    };
    const same = at(stream.version);
    if (!same.ok || same.sdp === stream.sent) return same;
    if (stream.sent === "") {
      stream.sent = same.sdp;
      return same;
    }
    const changed = at(stream.version + 1);
    if (!changed.ok) return changed;
    stream.version++;
    stream.sent = changed.sdp;
    return changed;
  }

  #commit(remotes: Readonly<Record<SideName, RemoteMedia>>): void {
    const first = this.#a!.name;
    const pair = { pair: this.#b!.name, ...(first !== "a" && { first }) };
    const commit: Commit = { session: this.id, remotes, ...pair, timeoutMs: this.#timeoutMs };
    this.#engine.commit(commit);
  }

  /** Codec names that this side may be offered, in its order; undefined: whatever the other side has. */
  #codecsToward(side: Side): { readonly order: readonly string[]; readonly only: boolean } | undefined {
    const peers = side === "a" ? [this.#callerPeer, this.#calleePeer] : [this.#calleePeer, this.#callerPeer];
    return codecRule(peers[0], peers[1]);
  }

  #newStream(name: SideName, local: LocalMedia, rtcpMux: boolean, offset: number): Stream {
    return new Stream({ name, local, rtcpMux, sessionId: String(this.#sessionId + offset), version: 1, received: "", sent: "", codec: "" });
  }
  #stream(side: Side): Stream | undefined {
    return side === "a" ? this.#a : this.#b;
  }
}

type Origin = Parameters<typeof relayDescription>[0]["origin"];
type Generated = { readonly ok: true; readonly value: SessionDescription } | { readonly ok: false; readonly reason: string };

/** The shorter of two times, of which 0 means none. */
const shorter = (a: number, b: number): number => (a === 0 ? b : b === 0 ? a : Math.min(a, b));

const markOf = ({ mediaDscp }: Peer): Pick<PrepareSide, "dscp"> => (mediaDscp === undefined ? {} : { dscp: mediaDscp });
