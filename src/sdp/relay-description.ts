/**
 * The description that one party gets in place of another's. It is generated: our addresses, our origin, the
 * m-lines of the received one in number and order, the codecs that both we and the rules know. Nothing else
 * of the sender survives: no name, no attribute that is not listed here, no value of free form.
 *
 * One audio stream is carried; all others are declined with port 0 (RFC 3264 §6). SRTP is not offered
 * nor accepted here.
 */
import { codecsOf, harmlessFmtp, knownCodec, writeRtpmap } from "./codecs.ts";
import type { Attribute, Codec, Connection, Direction, MediaDescription, SessionDescription } from "./description.ts";
import { directionOf } from "./direction.ts";
import { decimal, isKept } from "./parse-sdp.ts";
import { audioIndexOf, isRelayable } from "./remote-media.ts";

export interface RelayParameters {
  /** What the one party sent. */
  readonly received: SessionDescription;
  /** Of our o= line towards the other. */
  readonly origin: { readonly sessionId: string; readonly sessionVersion: string; readonly address: string };
  /** Where the other party shall send to. */
  readonly local: { readonly address: string; readonly port: number; readonly rtcpPort: number };
  /** Codec names in order of preference; with `only`, no others. */
  readonly codecs?: { readonly order: readonly string[]; readonly only: boolean };
  /** Payload types that may stay, e.g. those of the offer that this answers. */
  readonly keepOnly?: readonly number[];
  /** In place of the received direction. */
  readonly direction?: Direction;
  readonly rtcpMux: boolean;
  readonly role: "offer" | "answer";
  /** With role "answer": the offer that it answers. Its m-lines, protocols and payload types then rule (RFC 3264 §6). */
  readonly offer?: SessionDescription;
}

export type Relayed =
  | { readonly ok: true; readonly value: SessionDescription }
  | { readonly ok: false; readonly code: "NO_AUDIO" | "UNSUPPORTED_PROTOCOL" | "NO_CODEC"; readonly reason: string };

export function relayDescription(parameters: RelayParameters): Relayed {
  const { received, origin, local } = parameters;
  const index = audioIndexOf(received);
  const audio = received.media[index];
  if (audio === undefined) return { ok: false, code: "NO_AUDIO", reason: "no audio stream, or it is declined" };
  if (!isRelayable(audio)) {
    return { ok: false, code: "UNSUPPORTED_PROTOCOL", reason: "the audio is neither RTP/AVP nor RTP/AVPF" };
  }
  const codecs = chooseCodecs(audio, parameters);
  if (!codecs.some(({ speech }) => speech)) return { ok: false, code: "NO_CODEC", reason: "no codec remains" };
  const stream = (offered: MediaDescription | undefined): MediaDescription => ({
    media: "audio",
    port: local.port,
    portCount: 1,
    // An answer says the protocol of its offer; by ourselves we offer plain RTP.
    protocol: offered?.protocol === "RTP/AVPF" ? "RTP/AVPF" : "RTP/AVP",
    formats: codecs.map(({ format }) => format),
    connection: undefined,
    bandwidths: [],
    attributes: audioAttributes(audio, codecs, parameters),
  });
  return {
    ok: true,
    value: {
      origin: { username: "-", sessionId: origin.sessionId, sessionVersion: origin.sessionVersion, ...typed(origin.address) },
      sessionName: "-",
      connection: typed(local.address),
      bandwidths: [],
      attributes: [],
      media: placeStream(parameters, index, stream),
    },
  };
}

/** m-lines in number and order of the offer, where there is one, else of what was received. */
function placeStream(
  { received, role, offer }: RelayParameters,
  index: number,
  stream: (offered: MediaDescription | undefined) => MediaDescription,
): readonly MediaDescription[] {
  if (role === "offer" || offer === undefined) return received.media.map((media, i) => (i === index ? stream(undefined) : declined(media)));
  const place = audioIndexOf(offer);
  return offer.media.map((media, i) => (i === place ? stream(media) : declined(media)));
}

const typed = (address: string): Connection => ({ addressType: address.includes(":") ? "IP6" : "IP4", address });

const MEDIA: ReadonlySet<string> = new Set(["audio", "video", "text", "application", "message", "image"]);
const PROTOCOLS: ReadonlySet<string> = new Set([
  "RTP/AVP",
  "RTP/AVPF",
  "RTP/SAVP",
  "RTP/SAVPF",
  "UDP/TLS/RTP/SAVP",
  "UDP/TLS/RTP/SAVPF",
  "TCP/TLS/RTP/SAVPF",
  "UDP/DTLS/SCTP",
  "TCP/DTLS/SCTP",
  "DTLS/SCTP",
  "UDP/BFCP",
  "TCP/BFCP",
  "TCP/MSRP",
  "TCP/TLS/MSRP",
  "udptl",
  "UDPTL",
  "UDP",
  "TCP",
]);
const FORMATS: ReadonlySet<string> = new Set(["t38", "*", "webrtc-datachannel"]);
const PAYLOAD_TYPE_MAX = 127;

/** The m-line with port 0, its formats as far as they are numbers or known words (§6: at least one must stand). */
function declined(media: MediaDescription): MediaDescription {
  const formats = media.formats.filter((format) => FORMATS.has(format) || decimal(format, PAYLOAD_TYPE_MAX) !== undefined);
  return {
    media: MEDIA.has(media.media) ? media.media : "application",
    port: 0,
    portCount: 1,
    protocol: PROTOCOLS.has(media.protocol) ? media.protocol : "RTP/AVP",
    formats: formats.length === 0 ? ["0"] : formats.slice(0, 32),
    connection: undefined,
    bandwidths: [],
    attributes: [],
  };
}

/** A codec that may pass, as we write it. */
interface Relayable {
  readonly codec: Codec;
  readonly speech: boolean;
  readonly format: string;
  readonly attributes: readonly Attribute[];
}

/** By the codecs of an m-line, which calls with the same peer share (`codecsOf`). Bounded, because strangers may write them. */
const RELAYABLE = new Map<readonly Codec[], readonly Relayable[]>();
const RELAYABLE_MAX = 256;

function relayableOf(audio: MediaDescription): readonly Relayable[] {
  const codecs = codecsOf(audio);
  let relayable = RELAYABLE.get(codecs);
  if (relayable === undefined) {
    relayable = codecs.flatMap(asRelayable);
    if (!isKept(audio.attributes)) return relayable;
    if (RELAYABLE.size === RELAYABLE_MAX) RELAYABLE.clear();
    RELAYABLE.set(codecs, relayable);
  }
  return relayable;
}

function asRelayable(codec: Codec): readonly Relayable[] {
  const known = knownCodec(codec);
  if (known === undefined) return [];
  const format = String(codec.payloadType);
  const attributes: Attribute[] = [{ name: "rtpmap", value: `${format} ${writeRtpmap(codec, known)}` }];
  const fmtp = harmlessFmtp(codec);
  if (fmtp !== undefined) attributes.push({ name: "fmtp", value: `${format} ${fmtp}` });
  return [{ codec, speech: known.speech, format, attributes }];
}

function chooseCodecs(audio: MediaDescription, parameters: RelayParameters): readonly Relayable[] {
  const { codecs: rule, keepOnly, offer, role } = parameters;
  const offered = role === "answer" && offer !== undefined ? offer.media[audioIndexOf(offer)]?.formats : undefined;
  const chosen = relayableOf(audio).filter(
    ({ codec, format }) =>
      keepOnly?.includes(codec.payloadType) !== false &&
      offered?.includes(format) !== false &&
      !(rule?.only === true && rank(rule.order, codec) < 0),
  );
  if (rule === undefined) return chosen;
  // Unlisted ones keep their order behind the listed (sort is stable).
  const place = ({ codec }: Relayable): number => {
    const at = rank(rule.order, codec);
    return at < 0 ? rule.order.length : at;
  };
  return chosen.sort((a, b) => place(a) - place(b));
}

const rank = (order: readonly string[], codec: Codec): number => order.findIndex((name) => name.toLowerCase() === codec.name.toLowerCase());

function audioAttributes(audio: MediaDescription, codecs: readonly Relayable[], parameters: RelayParameters): readonly Attribute[] {
  const { local, received } = parameters;
  const attributes: Attribute[] = [];
  for (const codec of codecs) attributes.push(...codec.attributes);
  for (const name of ["ptime", "maxptime"]) {
    const said = audio.attributes.find((attribute) => attribute.name === name)?.value?.trim() ?? "";
    const ms = decimal(said, PTIME_MAX_MS);
    if (ms !== undefined && ms > 0) attributes.push({ name, value: String(ms) });
  }
  attributes.push({ name: parameters.direction ?? directionOf(received, audio), value: undefined });
  if (parameters.rtcpMux) attributes.push({ name: "rtcp-mux", value: undefined });
  else if (local.rtcpPort !== local.port + 1) attributes.push({ name: "rtcp", value: String(local.rtcpPort) });
  return attributes;
}

const PTIME_MAX_MS = 500;
