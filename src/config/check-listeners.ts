/** What listeners say about each other: addresses, ports and media ranges that can't all be had. */
import { addressKey, parseAddress } from "#routing/addresses.ts";
import type { Listener } from "#routing/snapshot.ts";
import type { Path } from "./reading.ts";
import { checkListenerTls } from "./tls-fields.ts";

export type Note = (path: Path, message: string, remedy: string) => void;

const UNSPECIFIED = new Set(["0.0.0.0", "6:0"]);

const keyOf = (text: string): string => {
  const address = parseAddress(text);
  return address === undefined ? text : addressKey(address);
};
const isUnspecified = (text: string): boolean => UNSPECIFIED.has(keyOf(text));
/** Whether sockets on both would take each other's ports; "::" takes those of IPv4 too. */
const collide = (a: string, b: string): boolean => keyOf(a) === keyOf(b) || isUnspecified(a) || isUnspecified(b);

/** What can't change while they are open: equal for two configurations, one may follow the other without a restart. */
export const listenersKey = (listeners: Iterable<Listener>): string =>
  JSON.stringify(
    Array.from(listeners, ({ name, address, port, transports, tls, device, dscp }) => [
      name,
      address,
      port,
      transports,
      tls?.port,
      device,
      dscp,
    ]),
  );

export function checkListeners(listeners: readonly Listener[], error: Note): void {
  if (listeners.length === 0)
    error(["listeners"], "no listener, so no call can come in", "listeners: [{name: public, address: 192.0.2.1}]");
  for (const [i, listener] of listeners.entries()) {
    checkAdvertised(listener, i, error);
    checkOwnPorts(listener, i, error);
    checkListenerTls(listener, ["listeners", i], error);
    for (const [j, other] of listeners.slice(0, i).entries()) checkPair(listener, i, other, j, error);
  }
}

function checkAdvertised(listener: Listener, i: number, error: Note): void {
  const { advertised, mediaAdvertised } = listener;
  if (isUnspecified(advertised)) {
    error(
      ["listeners", i, "address"],
      `${listener.address} can't be told to others as our address`,
      "add advertise: with the address that the other side reaches, or bind that address",
    );
  }
  if (isUnspecified(mediaAdvertised)) {
    if (!isUnspecified(advertised))
      error(
        ["listeners", i, "media"],
        `${mediaAdvertised} can't stand in SDP`,
        "add media.advertise: with the address that the other side reaches",
      );
  } else if (parseAddress(mediaAdvertised) === undefined) {
    error(
      ["listeners", i, "advertise"],
      `${mediaAdvertised} is a name, and SDP needs an address`,
      "add media.advertise: with the address behind that name",
    );
  }
}

function checkOwnPorts(
  { port, address, mediaAddress, mediaPortMin, mediaPortMax, transports, tls }: Listener,
  i: number,
  error: Note,
): void {
  if (transports.length === 0) error(["listeners", i, "transports"], "no transport", "transports: [udp, tcp]");
  if (port >= mediaPortMin && port <= mediaPortMax && transports.includes("UDP") && collide(address, mediaAddress)) {
    error(
      ["listeners", i, "media", "ports"],
      `SIP port ${port} lies within the media ports ${mediaPortMin}-${mediaPortMax}`,
      "move one of them",
    );
  }
  if (tls !== undefined && tls.port !== 0 && tls.port === port && transports.includes("TCP"))
    error(["listeners", i, "tls", "port"], `port ${port} is that of TCP already`, "another port for TLS, 5061 by custom");
}

/** That can collide. */
function portsOf({ port, transports, tls }: Listener) {
  return [
    ...(transports.includes("UDP") ? [{ protocol: "udp", port, path: ["port"] }] : []),
    ...(transports.includes("TCP") ? [{ protocol: "tcp", port, path: ["port"] }] : []),
    ...(tls === undefined ? [] : [{ protocol: "tcp", port: tls.port, path: ["tls", "port"] }]),
  ].filter((one) => one.port !== 0);
}

function checkPair(listener: Listener, i: number, other: Listener, j: number, error: Note): void {
  // Sockets bound to different devices share addresses and ports.
  if (listener.device !== undefined && other.device !== undefined && listener.device !== other.device) return;
  const taken = portsOf(listener).find((one) => portsOf(other).some((two) => one.protocol === two.protocol && one.port === two.port));
  if (taken !== undefined && collide(listener.address, other.address)) {
    error(
      ["listeners", i, ...taken.path],
      `${listener.address}:${taken.port} is taken by listener ${other.name} (listeners[${j}])`,
      "another address or port",
    );
  }
  const rangesMeet = listener.mediaPortMin <= other.mediaPortMax && other.mediaPortMin <= listener.mediaPortMax;
  if (rangesMeet && collide(listener.mediaAddress, other.mediaAddress)) {
    error(
      ["listeners", i, "media", "ports"],
      `media ports ${listener.mediaPortMin}-${listener.mediaPortMax} on ${listener.mediaAddress} overlap those of listener ${other.name}, ${other.mediaPortMin}-${other.mediaPortMax}`,
      "ranges of their own, or another media.address",
    );
  }
}
