/** Composition for `tandem preflight`: its questions to a peer, asked with the small phone and plain sockets. */
import { readFileSync } from "node:fs";
import { connect, isIP } from "node:net";
import { connect as connectOverTls } from "node:tls";
import type { Asked } from "#cli/preflight.ts";
import { parsePeerUri } from "#config/peer-uri.ts";
import type { Phone } from "#phone/phone.ts";
import type { Peer } from "#routing/snapshot.ts";
import { socketError } from "#net/socket-error.ts";
import { namesOf } from "#sip/transport/certificate-names.ts";
import { CertificateShelf } from "#sip/transport/certificate-shelf.ts";
import { explainHandshake, judgeServer, shownOn } from "#sip/transport/tls-terms.ts";
import { peerTls } from "./tls-main.ts";
import { codecsOf } from "#sdp/codecs.ts";
import { parseSdp } from "#sdp/parse-sdp.ts";

const CONNECT_MS = 4_000;

export async function preflightAsk(
  method: "OPTIONS" | "REGISTER",
  peer: Peer,
  withAccount: boolean,
  openPhone: (host: string) => Promise<Phone>,
): Promise<Asked> {
  const register = peer.kind === "trunk" ? peer.register : undefined;
  const uri = method === "REGISTER" ? (register?.registrar ?? "") : (peer.uri ?? "");
  const phone = await openPhone(parsePeerUri(peer.outboundProxy ?? uri)?.host ?? "");
  try {
    const { body, ...report } = await phone.ask({
      method,
      uri,
      ...(peer.outboundProxy === undefined ? {} : { proxy: peer.outboundProxy }),
      ...(method === "REGISTER" && register !== undefined ? { addressOfRecord: `sip:${register.user}@${register.domain}` } : {}),
      ...(withAccount && peer.account !== undefined ? { account: peer.account } : {}),
    });
    return { ...report, codecs: codecNames(body) };
  } finally {
    await phone.close();
  }
}

function codecNames(body: string): readonly string[] | undefined {
  const session = body === "" ? undefined : parseSdp(body);
  if (session === undefined || !session.ok) return undefined;
  const audio = session.value.media.find(({ media }) => media === "audio");
  return audio === undefined ? undefined : [...new Set(codecsOf(audio).map(({ name }) => name))];
}

const SOON_MS = 21 * 86_400_000;
const REMEDY = "what the words say; docs/tls.md has all of them";

/** A handshake with a peer's terms, as a call would make it, and what the other side showed. */
export function shakeHands(
  peer: Peer,
  { address, port, serverName }: { readonly address: string; readonly port: number; readonly serverName: string },
  from: string | undefined,
): Promise<{ readonly ok: boolean; readonly found: string; readonly remedy: string }> {
  const shelf = shelfFor([peer]);
  if (typeof shelf === "string") return Promise.resolve({ ok: false, found: shelf, remedy: "the file that the message names" });
  const terms = shelf.client(peer.name, serverName);
  return new Promise((resolve) => {
    const socket = connectOverTls({
      host: address,
      port,
      ...(from === undefined || from === "0.0.0.0" || from === "::" ? {} : { localAddress: from }),
      ...(isIP(serverName) === 0 ? { servername: serverName } : {}),
      secureContext: terms.context,
      rejectUnauthorized: false,
      checkServerIdentity: () => undefined,
    });
    const done = (ok: boolean, found: string, remedy: string): void => {
      clearTimeout(late);
      socket.destroy();
      resolve({ ok, found, remedy });
    };
    const late = setTimeout(
      () => done(false, `no handshake within ${CONNECT_MS / 1000} s`, "is TLS spoken on that port; 5061 by custom"),
      CONNECT_MS,
    );
    socket.on("error", (error) => {
      const { code, detail } = explainHandshake(socketError(error), true);
      done(false, `${code}: ${detail}`, REMEDY);
    });
    socket.on("secureConnect", () => {
      const seen = shownOn(socket);
      const objection = judgeServer(seen, terms, serverName);
      if (objection !== undefined) return done(false, `${objection.code}: ${objection.detail}`, REMEDY);
      const shown = seen.certificate;
      const names = shown === undefined ? [] : namesOf(shown);
      const whose = shown === undefined ? "" : `, certificate of ${names.slice(0, 5).join(", ") || shown.subject} until ${shown.validTo}`;
      const soon = shown !== undefined && Date.parse(shown.validTo) - Date.now() < SOON_MS ? ", SOON" : "";
      done(true, `${socket.getProtocol() ?? "TLS"} ${socket.getCipher().name}${whose}${soon}`, "");
    });
  });
}

/** The terms of some peers alone; what keeps them from being loaded. */
export function shelfFor(peers: readonly Peer[]): CertificateShelf | string {
  const shelf = new CertificateShelf((path) => readFileSync(path, "utf8"));
  return shelf.use({ listeners: [], peers: peers.flatMap(peerTls) }) ?? shelf;
}

/** Opens a TCP connection and closes it. */
export function tryConnect(
  address: string,
  port: number,
  from: string | undefined,
): Promise<{ readonly ok: boolean; readonly detail: string; readonly roundTripMs: number }> {
  const startMs = performance.now();
  return new Promise((resolve) => {
    const socket = connect({
      host: address,
      port,
      timeout: CONNECT_MS,
      ...(from === undefined || from === "0.0.0.0" || from === "::" ? {} : { localAddress: from }),
    });
    const done = (ok: boolean, detail: string): void => {
      socket.destroy();
      resolve({ ok, detail, roundTripMs: performance.now() - startMs });
    };
    socket.on("connect", () => done(true, "open"));
    socket.on("timeout", () => done(false, `no answer within ${CONNECT_MS / 1000} s`));
    socket.on("error", (error) => done(false, error.message));
  });
}
