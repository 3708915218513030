/** Composition for `tandem preflight`: its questions to a peer, asked with the small phone and plain sockets. */
import { connect } from "node:net";
import type { Asked } from "#cli/preflight.ts";
import { parsePeerUri } from "#config/peer-uri.ts";
import type { Phone } from "#phone/phone.ts";
import type { Peer } from "#routing/snapshot.ts";
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
