/** Composition of TLS: what the configuration in force says of certificates becomes a shelf, which is looked after. */
import { readFileSync } from "node:fs";
import type { Clock } from "#base/clock.ts";
import { parsePeerUri } from "#config/peer-uri.ts";
import type { Publish } from "#observe/event.ts";
import type { Peer, Snapshot } from "#routing/snapshot.ts";
import { CertificateShelf, type PeerTls, type TlsWishes } from "#sip/transport/certificate-shelf.ts";

const LOOK_MS = 60_000;

export interface TlsHouse {
  readonly shelf: CertificateShelf;
  /** The configuration changed, or its files may have. */
  apply(snapshot: Snapshot): void;
  stop(): void;
}

export function openTls(snapshot: Snapshot, { clock, publish }: { readonly clock: Clock; readonly publish: Publish }): TlsHouse {
  const shelf = new CertificateShelf((path) => readFileSync(path, "utf8"));
  const tell = (problem: string | undefined, done: string): void =>
    publish(
      problem === undefined
        ? { type: "process", what: "certificates", detail: done }
        : { type: "process", what: "certificates failed", detail: `${problem}; those that were loaded before stay in use` },
    );
  let { listeners } = snapshot;
  const first = wishesOf(snapshot);
  let known = JSON.stringify(first);
  const problem = shelf.use(first);
  if (problem !== undefined) tell(problem, "");
  const look = (): void => {
    const changed = shelf.refresh();
    if (changed !== undefined) tell(changed.problem, "changed files are in use");
    timer = clock.after(LOOK_MS, look);
  };
  let timer = clock.after(LOOK_MS, look);
  return {
    shelf,
    apply(next) {
      // A change of single resources keeps the listeners that there were; a reload looks at the files, too.
      const whole = next.listeners !== listeners;
      const wishes = wishesOf(next);
      const text = JSON.stringify(wishes);
      if (!whole && text === known) return;
      listeners = next.listeners;
      known = text;
      const refused = shelf.use(wishes);
      if (refused !== undefined) tell(refused, "");
    },
    stop: () => timer.cancel(),
  };
}

function wishesOf({ listeners, trunks, gateways }: Pick<Snapshot, "listeners" | "trunks" | "gateways">): TlsWishes {
  return {
    listeners: [...listeners.values()].flatMap(({ name, tls }) => (tls === undefined ? [] : [{ listener: name, ...tls }])),
    peers: [...trunks.values(), ...gateways.values()].flatMap((peer) => peerTls(peer)),
  };
}

/** Peers without terms of their own have the defaults. */
export function peerTls(peer: Peer): readonly PeerTls[] {
  const { tls, kind, name } = peer;
  if (tls === undefined) return [];
  const uris = [peer.uri, peer.outboundProxy, peer.kind === "trunk" ? peer.register?.registrar : undefined];
  const serverNames = uris.flatMap((uri) => (uri === undefined ? [] : [parsePeerUri(uri)?.host.toLowerCase() ?? ""]));
  return [{ peer: name, title: `${kind} ${name}`, ...tls, serverNames: [...serverNames, ...tls.clientNames] }];
}
