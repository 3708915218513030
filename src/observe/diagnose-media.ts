/** Findings in SDP and in what media counted: addresses, codecs, encryption, silence, strays, loss. */
import type { CdrLeg } from "#cdr/record.ts";
import type { Evidence, Examined, Finding } from "./diagnose.ts";
import { counted, saw } from "./diagnose.ts";
import { isPrivateAddress, isPublicAddress } from "./sip-facts.ts";

/** Shorter calls may have been silent for good reasons. */
const TALK_MIN_MS = 2_000;
/** As people begin to hear it. */
const LOSS_SHARE_MAX = 0.02;
const LOST_PACKETS_MIN = 20;
const JITTER_MAX_MS = 50;
/** A packet or two from elsewhere come with every re-INVITE. */
const STRAYS_MIN = 5;

export function mediaFindings(call: Examined): readonly Finding[] {
  return [privateAddress, ourPrivateAddress, srtp, codecs, wrongSource, silence, rtpLoss, mediaFailed].flatMap((rule) => rule(call) ?? []);
}

const legName = ({ leg, peer }: CdrLeg): string => `${peer} (${leg === "a" ? "caller" : "callee"})`;
const packets = (leg: CdrLeg): Evidence =>
  counted(`${legName(leg)}: ${leg.packetsReceived} packets from it, ${leg.packetsSent} to it, ${leg.strays} from elsewhere`);

function privateAddress({ messages, nameOf, cdr }: Examined): Finding | undefined {
  const wrong = messages.find(
    ({ direction, sdp, remoteHost }) =>
      direction === "in" && sdp !== undefined && isPrivateAddress(sdp.address) && isPublicAddress(remoteHost),
  );
  if (wrong === undefined) return undefined;
  const silent = cdr?.legs.some(({ packetsReceived }) => packetsReceived === 0) === true;
  return {
    code: "PRIVATE_ADDRESS_IN_SDP",
    severity: silent ? "error" : "warning",
    title: "Its SDP names a private address",
    evidence: [saw(wrong, nameOf(wrong), `c= ${wrong.sdp!.address}, but it came from ${wrong.remoteHost}`)],
    advice:
      "nat: yes at this trunk or gateway, so that audio goes back to where it comes from; better, its public address in its own settings",
  };
}

function ourPrivateAddress({ messages, nameOf }: Examined): Finding | undefined {
  const ours = messages.find(
    ({ direction, sdp, remoteHost }) =>
      direction === "out" && sdp !== undefined && isPrivateAddress(sdp.address) && isPublicAddress(remoteHost),
  );
  if (ours === undefined) return undefined;
  return {
    code: "OUR_PRIVATE_ADDRESS",
    severity: "error",
    title: "We told a public peer a private address of ours",
    evidence: [saw(ours, nameOf(ours), `c= ${ours.sdp!.address}`)],
    advice: "advertise: of the listener (and media: advertise:) with the address that the peer can reach",
  };
}

const isSecure = (protocol: string): boolean => /SAVP/.test(protocol);

/** RFC 4568, RFC 5763: encrypted and plain RTP don't meet. */
function srtp({ messages, nameOf, cdr }: Examined): Finding | undefined {
  if (!messages.some(({ status }) => status === 488 || status === 606 || status === 415) && cdr?.outcome !== "media_failed")
    return undefined;
  const offer = messages.find(({ sdp, status }) => sdp !== undefined && status === 0 && isSecure(sdp.protocol));
  const reason = cdr?.endReason.includes("neither RTP/AVP nor") === true;
  const plain = messages.find(
    ({ sdp, status, header }) => sdp !== undefined && status === 0 && !isSecure(sdp.protocol) && header("call-id") !== "",
  );
  const wantsIt = messages.find(
    (one) =>
      (one.status === 488 || one.status === 606) && /srtp|savp|crypto|secure|encrypt/i.test(`${one.phrase} ${one.header("warning")}`),
  );
  if (offer === undefined && !(wantsIt !== undefined && plain !== undefined) && !reason) return undefined;
  const refusal = messages.find(({ status }) => status === 488 || status === 606);
  const said = [offer ?? plain, wantsIt ?? refusal].flatMap((one) =>
    one === undefined ? [] : [saw(one, nameOf(one), one.sdp?.protocol ?? one.header("warning"))],
  );
  return {
    code: "SRTP_MISMATCH",
    severity: "error",
    title: "One side wants encrypted audio, the other has none",
    evidence: said,
    advice: "SRTP off at whoever offered it, or on at the other side; UDP and TCP trunks usually speak plain RTP/AVP",
  };
}

function codecs({ messages, nameOf, cdr }: Examined): Finding | undefined {
  const refusal = messages.find(({ status, method }) => (status === 488 || status === 606 || status === 415) && method === "INVITE");
  const ours = cdr?.outcome === "media_failed" && /codec/.test(cdr.endReason);
  const secure = messages.some(({ sdp, status }) => sdp !== undefined && status === 0 && isSecure(sdp.protocol));
  if ((refusal === undefined && !ours) || secure || cdr?.endReason.includes("RTP/AVP") === true) return undefined;
  const offer = messages.findLast(
    ({ sdp, status, sipCallId, number }) =>
      sdp !== undefined && status === 0 && (refusal === undefined || (sipCallId === refusal.sipCallId && number < refusal.number)),
  );
  const evidence = [
    ...(offer === undefined ? [] : [saw(offer, nameOf(offer), `offers ${offer.sdp!.codecs.join(", ")}`)]),
    ...(refusal === undefined ? [] : [saw(refusal, nameOf(refusal), refusal.header("warning"))]),
    ...(ours ? [counted(cdr.endReason)] : []),
  ];
  return {
    code: "CODEC_MISMATCH",
    severity: cdr?.answeredAtMs === undefined ? "error" : "warning",
    title: "The two sides have no codec in common",
    evidence,
    advice: "codecs: of both peers should share one, PCMA or PCMU at best; codecs_mode: order rather than filter lets the rest through",
  };
}

const talked = ({ cdr }: Examined): boolean =>
  cdr !== undefined && cdr.answeredAtMs !== undefined && cdr.durationMs >= TALK_MIN_MS && cdr.legs.length > 1;

function wrongSource(call: Examined): Finding | undefined {
  const { cdr, events } = call;
  const strays = cdr?.legs.filter((leg) => leg.strays >= STRAYS_MIN) ?? [];
  if (strays.length === 0) return undefined;
  const from = events.flatMap(({ event }) => (event.type === "media" && event.what === "stray" ? [counted(`from ${event.detail}`)] : []));
  return {
    code: "RTP_WRONG_SOURCE",
    severity: strays.some(({ packetsReceived }) => packetsReceived === 0) ? "error" : "warning",
    title: "Audio came from an address that it may not come from",
    evidence: [...strays.map(packets), ...from.slice(0, 3)],
    advice: "nat: yes at that trunk or gateway if it is its own; if not, somebody else sends there: nothing of it was passed on",
  };
}

function silence(call: Examined): Finding | undefined {
  const { cdr, events } = call;
  if (cdr === undefined) return undefined;
  const timedOut = /^no audio from the (caller|callee)/.exec(cdr.endReason);
  if (!talked(call) && timedOut === null) return undefined;
  if (timedOut === null && events.some(({ event }) => event.type === "call-held")) return undefined;
  // Counters may be lost with the engine; a packet that was seen was seen.
  const heard = new Set(events.flatMap(({ event }) => (event.type === "media" && event.what === "first packet" ? event.side : [])));
  const quiet = cdr.legs.filter(({ leg, packetsReceived }) => packetsReceived === 0 && !heard.has(leg));
  const stopped = timedOut === null ? [] : [counted(cdr.endReason)];
  if (quiet.length === 0 && timedOut === null) return undefined;
  if (quiet.length === cdr.legs.length)
    return {
      code: "NO_RTP",
      severity: "error",
      title: "No audio came from either side",
      evidence: [...cdr.legs.map(packets), ...stopped],
      advice:
        "a firewall before us drops the media ports (UDP, media: ports: of the listener), or advertise: names an address that is not ours",
    };
  const who = quiet[0] === undefined ? timedOut![1]! : legName(quiet[0]);
  return {
    code: "SILENCE_ONE_WAY",
    severity: "error",
    title: `No audio from ${who}`,
    evidence: [...cdr.legs.map(packets), ...stopped],
    advice: "what it sends doesn't reach us: the address in our SDP to it (advertise:), its firewall, or NAT on its side (nat: yes)",
  };
}

function rtpLoss({ cdr }: Examined): Finding | undefined {
  const bad = (cdr?.legs ?? []).filter(
    ({ packetsLost, packetsReceived, jitterMs }) =>
      (packetsLost >= LOST_PACKETS_MIN && packetsLost > (packetsReceived + packetsLost) * LOSS_SHARE_MAX) ||
      (jitterMs > JITTER_MAX_MS && packetsReceived > 100),
  );
  if (bad.length === 0) return undefined;
  return {
    code: "RTP_LOSS",
    severity: "warning",
    title: "Audio was lost or late on the way to us",
    evidence: bad.map((leg) =>
      counted(
        `${legName(leg)}: ${leg.packetsLost} of ${leg.packetsReceived + leg.packetsLost} packets lost, jitter ${leg.jitterMs.toFixed(1)} ms`,
      ),
    ),
    advice:
      "the network between this peer and us: its uplink, a full line, Wi-Fi; dscp: of the listener's media where the network honours it",
  };
}

function mediaFailed({ cdr }: Examined): Finding | undefined {
  if (cdr === undefined || !cdr.endReason.startsWith("media lost")) return undefined;
  return {
    code: "MEDIA_FAILED",
    severity: "error",
    title: "The media engine lost the call",
    evidence: [counted(cdr.endReason)],
    advice: "tandem status and the log of tandem-media say why; too few ports or descriptors are said at its start",
  };
}
