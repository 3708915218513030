/**
 * What a diagnosis looks at in a call's messages: start line, dialog, SDP's addresses and formats. Read by plain
 * search over the wire text: a message that is broken still has its facts, and nothing here decides a call.
 */
import type { Stamped } from "./event.ts";

export interface SdpFacts {
  /** Of the first audio stream, else of the session; "" where there is none. */
  readonly address: string;
  readonly port: number;
  /** "RTP/AVP", "RTP/SAVP" … */
  readonly protocol: string;
  /** Names where SDP or RFC 3551 gives them, else payload types; without telephone-event and comfort noise. */
  readonly codecs: readonly string[];
  readonly crypto: boolean;
}

export interface SipFacts {
  /** As numbered in the ladder, from 1. */
  readonly number: number;
  readonly atMs: number;
  readonly direction: "in" | "out";
  readonly remote: string;
  /** The host part of `remote`. */
  readonly remoteHost: string;
  /** Of a request; of a response the one in CSeq. */
  readonly method: string;
  /** 0: a request. */
  readonly status: number;
  readonly phrase: string;
  readonly cseq: string;
  readonly sipCallId: string;
  readonly retransmission: boolean;
  readonly contactHost: string;
  readonly sdp: SdpFacts | undefined;
  header(name: string): string;
}

/** RFC 3551 §6, table 4, those that telephony meets. */
const STATIC_CODECS: Readonly<Record<string, string>> = { "0": "PCMU", "3": "GSM", "4": "G723", "8": "PCMA", "9": "G722", "18": "G729" };
const NO_SPEECH = /^(telephone-event|CN|13)$/i;

export function sipFactsOf(events: readonly Stamped[]): readonly SipFacts[] {
  const facts: SipFacts[] = [];
  for (const { at, event } of events) {
    if (event.type !== "sip") continue;
    const { wire, direction, remote, retransmission } = event;
    const blank = wire.indexOf("\r\n\r\n");
    const head = blank < 0 ? wire : wire.slice(0, blank);
    const body = blank < 0 ? "" : wire.slice(blank + 4);
    const startLine = head.slice(0, Math.max(0, head.indexOf("\r\n")) || head.length);
    const response = /^SIP\/2\.0 (\d{3}) ?(.*)$/.exec(startLine);
    const header = (name: string): string => headerIn(head, name);
    const [cseq = "", cseqMethod = ""] = header("cseq").split(/\s+/);
    facts.push({
      number: facts.length + 1,
      atMs: at,
      direction,
      remote,
      remoteHost: hostIn(remote),
      method: response === null ? (startLine.split(" ", 1)[0] ?? "") : cseqMethod,
      status: response === null ? 0 : Number(response[1]),
      phrase: response?.[2] ?? "",
      cseq,
      sipCallId: header("call-id") || header("i"),
      retransmission,
      contactHost: uriHost(header("contact") || header("m")),
      sdp: /\n(?:content-type|c)[ \t]*:[ \t]*application\/sdp/i.test(head) ? sdpFactsOf(body) : undefined,
      header,
    });
  }
  return facts;
}

function headerIn(head: string, name: string): string {
  const found = new RegExp(`\\n${name}[ \\t]*:[ \\t]*([^\\r\\n]*)`, "i").exec(head);
  return found?.[1]?.trim() ?? "";
}

/** "192.0.2.1:5060" or "[2001:db8::1]:5060" without the port. */
export function hostIn(remote: string): string {
  const bracketed = /^\[([^\]]+)\]/.exec(remote);
  if (bracketed !== null) return bracketed[1]!;
  const colon = remote.lastIndexOf(":");
  return colon < 0 || remote.indexOf(":") !== colon ? remote : remote.slice(0, colon);
}
function uriHost(text: string): string {
  const found = /sips?:(?:[^@>;]*@)?(\[[^\]]+\]|[^:;>?,\s]+)/i.exec(text)?.[1] ?? "";
  return found.replace(/^\[|\]$/g, "");
}

function sdpFactsOf(body: string): SdpFacts | undefined {
  const lines = body.split(/\r?\n/);
  const audioAt = lines.findIndex((line) => line.startsWith("m=audio "));
  if (audioAt < 0) return undefined;
  const [, port = "0", protocol = "", ...formats] = lines[audioAt]!.slice(2).split(/\s+/);
  const next = lines.findIndex((line, i) => i > audioAt && line.startsWith("m="));
  const audio = lines.slice(audioAt, next < 0 ? undefined : next);
  const connection = [...audio, ...lines.slice(0, audioAt)].find((line) => line.startsWith("c="));
  const names = new Map<string, string>();
  for (const line of audio) {
    const map = /^a=rtpmap:(\d+) ([^/\s]+)/.exec(line);
    if (map !== null) names.set(map[1]!, map[2]!);
  }
  return {
    address: connection?.split(/\s+/)[2]?.split("/")[0] ?? "",
    port: Number.parseInt(port, 10) || 0,
    protocol,
    codecs: formats.map((one) => names.get(one) ?? STATIC_CODECS[one] ?? one).filter((one) => one !== "" && !NO_SPEECH.test(one)),
    crypto: audio.some((line) => line.startsWith("a=crypto:") || line.startsWith("a=fingerprint:")),
  };
}

/** RFC 1918, RFC 6598, RFC 3927, RFC 4193, loopback: what nobody in the public network can send to. */
export function isPrivateAddress(address: string): boolean {
  const [a = -1, b = -1] = /^\d+\.\d+\.\d+\.\d+$/.test(address) ? address.split(".").map(Number) : [];
  if (a >= 0) {
    if (a === 10 || a === 127 || (a === 192 && b === 168) || (a === 172 && b >= 16 && b < 32)) return true;
    return (a === 100 && b >= 64 && b < 128) || (a === 169 && b === 254);
  }
  return /^(::1$|f[cd][0-9a-f]{2}:|fe[89ab][0-9a-f]:)/i.test(address);
}
export const isPublicAddress = (address: string): boolean =>
  (/^\d+\.\d+\.\d+\.\d+$/.test(address) || address.includes(":")) && !isPrivateAddress(address) && address !== "0.0.0.0";
