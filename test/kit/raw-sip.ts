/**
 * Bytes to a SIP listener and what came back: for messages that no decent peer would send. Knows as little
 * SIP as it can: it cuts responses apart and builds the ACK and the probe it needs.
 */
import { createSocket, type Socket as UdpSocket } from "node:dgram";
import { once } from "node:events";
import { connect, type Socket as TcpSocket } from "node:net";
import { connect as connectOverTls } from "node:tls";
import type { TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

export interface Heard {
  readonly text: string;
  /** 0 for a request. */
  readonly status: number;
  readonly sipCallId: string;
  /** Our port that it came to; 0 over TCP. */
  readonly atPort: number;
}

export interface RawPeer {
  /** Everything that came so far, probes' answers left out. */
  readonly heard: readonly Heard[];
  send(bytes: Uint8Array | string): void;
  /** OPTIONS from here, answered; the round trip in ms. What Tandem answers at once has come before it. */
  probe(timeoutMs?: number): Promise<number>;
  /** Resolves when something that fits has come, undefined when the time is over. */
  until(fits: (heard: Heard) => boolean, timeoutMs: number): Promise<Heard | undefined>;
  /** A non-2xx final response to an INVITE is repeated until this comes. */
  acknowledge(response: Heard, requestUri: string): void;
  close(): void;
}

export interface RawStream extends RawPeer {
  readonly closed: boolean;
  readonly port: number;
  whenClosed(timeoutMs: number): Promise<boolean>;
}

const PROBE = "probe-";
let probes = 0;

const headerOf = (text: string, name: string): string =>
  new RegExp(`^(?:${name})[ \\t]*:[ \\t]*(.*(?:\\r\\n[ \\t].*)*)`, "im").exec(text)?.[1] ?? "";
const heardFrom = (text: string, atPort: number): Heard => ({
  text,
  status: Number(/^SIP\/2\.0 (\d{3})/.exec(text)?.[1] ?? 0),
  sipCallId: headerOf(text, "Call-ID|i"),
  atPort,
});

export function optionsRequest(options: {
  readonly transport: "UDP" | "TCP" | "TLS";
  readonly from: string;
  readonly to: string;
  readonly sipCallId: string;
}): string {
  const { transport, from, to, sipCallId } = options;
  return [
    `OPTIONS sip:${to} SIP/2.0`,
    `Via: SIP/2.0/${transport} ${from};rport;branch=z9hG4bK${sipCallId.replaceAll(/[^A-Za-z0-9]/g, "")}`,
    "Max-Forwards: 70",
    `From: <sip:probe@${from}>;tag=p`,
    `To: <sip:${to}>`,
    `Call-ID: ${sipCallId}`,
    "CSeq: 1 OPTIONS",
    "Content-Length: 0",
    "",
    "",
  ].join("\r\n");
}

/** An INVITE with an offer, as a plain carrier sends it. */
export function inviteRequest(options: {
  readonly transport: "UDP" | "TCP" | "TLS";
  readonly from: string;
  readonly to: string;
  readonly user: string;
  readonly sipCallId: string;
  readonly headers?: readonly string[];
}): string {
  const { transport, from, to, user, sipCallId, headers = [] } = options;
  const host = from.slice(0, from.lastIndexOf(":"));
  const body = `v=0\r\no=raw 1 1 IN IP4 ${host}\r\ns=-\r\nc=IN IP4 ${host}\r\nt=0 0\r\nm=audio 9000 RTP/AVP 0\r\n`;
  return [
    `INVITE sip:${user}@${to} SIP/2.0`,
    `Via: SIP/2.0/${transport} ${from};rport;branch=z9hG4bK${sipCallId.replaceAll(/[^A-Za-z0-9]/g, "")}`,
    "Max-Forwards: 70",
    `From: <sip:+4930123456@${from}>;tag=r`,
    `To: <sip:${user}@${to}>`,
    `Call-ID: ${sipCallId}`,
    "CSeq: 1 INVITE",
    `Contact: <sip:raw@${from}>`,
    ...headers,
    "Content-Type: application/sdp",
    `Content-Length: ${body.length}`,
    "",
    body,
  ].join("\r\n");
}

/** RFC 3261 §17.1.1.3: Via, From, To, Call-ID and CSeq number of what is acknowledged. */
const ackOf = ({ text }: Heard, requestUri: string): string =>
  [
    `ACK ${requestUri} SIP/2.0`,
    `Via: ${headerOf(text, "Via|v").split(",")[0]}`,
    "Max-Forwards: 70",
    `From: ${headerOf(text, "From|f")}`,
    `To: ${headerOf(text, "To|t")}`,
    `Call-ID: ${headerOf(text, "Call-ID|i")}`,
    `CSeq: ${/\d+/.exec(headerOf(text, "CSeq"))?.[0]} ACK`,
    "Content-Length: 0",
    "",
    "",
  ].join("\r\n");

/** What both kinds of peer do with what they hear. */
class Ear {
  readonly heard: Heard[] = [];
  readonly #answered = new Set<string>();
  readonly #watchers = new Set<() => void>();

  take(text: string, atPort: number): void {
    const one = heardFrom(text, atPort);
    if (one.sipCallId.startsWith(PROBE)) this.#answered.add(one.sipCallId);
    else this.heard.push(one);
    for (const watcher of this.#watchers) watcher();
  }
  answered(sipCallId: string): boolean {
    return this.#answered.has(sipCallId);
  }
  async until<T>(look: () => T | undefined, timeoutMs: number): Promise<T | undefined> {
    const untilMs = performance.now() + timeoutMs;
    for (;;) {
      const found = look();
      const leftMs = untilMs - performance.now();
      if (found !== undefined || leftMs <= 0) return found;
      const abort = new AbortController();
      const watcher = (): void => abort.abort();
      this.#watchers.add(watcher);
      await sleep(leftMs, undefined, { signal: abort.signal }).catch(() => {});
      this.#watchers.delete(watcher);
    }
  }
}

async function probed(ear: Ear, send: (text: string) => void, timeoutMs: number, request: (sipCallId: string) => string): Promise<number> {
  const sipCallId = `${PROBE}${process.pid}-${probes++}`;
  const startMs = performance.now();
  // Like a UAC over UDP it repeats itself: on a loaded machine a datagram may be lost.
  for (let leftMs = timeoutMs; leftMs > 0; leftMs -= 500) {
    send(request(sipCallId));
    if (await ear.until(() => (ear.answered(sipCallId) ? true : undefined), Math.min(500, leftMs))) return performance.now() - startMs;
  }
  throw new Error(`no answer to OPTIONS within ${timeoutMs} ms`);
}

/**
 * @param port where messages leave from and answers by rport come to
 * @param besides further ports of the address at which answers may arrive (RFC 3261 §18.2.2: the port of the Via)
 */
export async function rawUdp(
  t: TestContext,
  from: { readonly address: string; readonly port: number },
  to: { readonly address: string; readonly port: number },
  besides: readonly number[] = [],
): Promise<RawPeer & { readonly port: number }> {
  const ear = new Ear();
  const sockets = await Promise.all(
    [from.port, ...besides].map(async (port): Promise<UdpSocket> => {
      const socket = createSocket(from.address.includes(":") ? "udp6" : "udp4");
      socket.on("message", (bytes) => ear.take(bytes.toString("latin1"), socket.address().port));
      socket.bind(port, from.address);
      await once(socket, "listening");
      socket.on("error", () => {});
      return socket;
    }),
  );
  const main = sockets[0]!;
  const close = (): void => {
    for (const socket of sockets.splice(0)) socket.close();
  };
  t.after(close);
  const port = main.address().port;
  const send = (bytes: Uint8Array | string): void => {
    if (sockets.length > 0) main.send(typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes, to.port, to.address, () => {});
  };
  const own = `${bracketed(from.address)}:${port}`;
  return {
    heard: ear.heard,
    port,
    send,
    probe: (timeoutMs = 10_000) =>
      probed(ear, send, timeoutMs, (sipCallId) =>
        optionsRequest({ transport: "UDP", from: own, to: `${bracketed(to.address)}:${to.port}`, sipCallId }),
      ),
    until: (fits, timeoutMs) => ear.until(() => ear.heard.find(fits), timeoutMs),
    acknowledge: (response, requestUri) => send(ackOf(response, requestUri)),
    close,
  };
}

export async function rawTcp(
  t: TestContext,
  from: { readonly address: string },
  to: { readonly address: string; readonly port: number; readonly tls?: boolean },
): Promise<RawStream> {
  const ear = new Ear();
  const raw: TcpSocket = connect({ host: to.address, port: to.port, localAddress: from.address });
  const socket: TcpSocket = to.tls === true ? connectOverTls({ socket: raw, rejectUnauthorized: false }) : raw;
  let closed = false;
  let rest = "";
  socket.on("error", () => {});
  socket.on("close", () => {
    closed = true;
    ear.take("", 0);
  });
  socket.on("data", (bytes) => {
    rest += bytes.toString("latin1");
    for (let end = rest.indexOf("\r\n\r\n"); end >= 0; end = rest.indexOf("\r\n\r\n")) {
      const length = end + 4 + Number(/^(?:Content-Length|l)[ \t]*:[ \t]*(\d+)/im.exec(rest.slice(0, end))?.[1] ?? 0);
      if (rest.length < length) return;
      ear.take(rest.slice(0, length), 0);
      rest = rest.slice(length);
    }
  });
  t.after(() => socket.destroy());
  await new Promise<void>((resolve) => socket.once(to.tls === true ? "secureConnect" : "connect", resolve).once("close", resolve));
  const port = socket.localPort ?? 0;
  const send = (bytes: Uint8Array | string): void => {
    if (!socket.destroyed) socket.write(typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes);
  };
  return {
    get heard() {
      return ear.heard.filter(({ text }) => text !== "");
    },
    get closed() {
      return closed;
    },
    port,
    send,
    probe: (timeoutMs = 10_000) =>
      probed(ear, send, timeoutMs, (sipCallId) =>
        optionsRequest({
          transport: to.tls === true ? "TLS" : "TCP",
          from: `${bracketed(from.address)}:${port}`,
          to: `${bracketed(to.address)}:${to.port}`,
          sipCallId,
        }),
      ),
    until: (fits, timeoutMs) => ear.until(() => ear.heard.find((heard) => heard.text !== "" && fits(heard)), timeoutMs),
    acknowledge: (response, requestUri) => send(ackOf(response, requestUri)),
    whenClosed: async (timeoutMs) => (await ear.until(() => (closed ? true : undefined), timeoutMs)) === true,
    close: () => socket.destroy(),
  };
}

const bracketed = (address: string): string => (address.includes(":") ? `[${address}]` : address);
