/** Listeners out of Kamailio's sockets and rtpengine's interfaces, and which of them a peer belongs to. */
import { parseAddress } from "#routing/addresses.ts";
import type { DraftListener, MoveRow } from "./move.ts";
import { type KamailioCfg, type SocketName, parseSocket } from "./kamailio-cfg.ts";
import { type Names, slug } from "./names.ts";
import type { RtpengineConf } from "./rtpengine-conf.ts";

export type Side = "private" | "public";

interface Entry {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  readonly transports: Set<string>;
  readonly side: Side;
  readonly source: string;
  advertised: string | undefined;
  /** Interface of rtpengine with its name or address. */
  readonly mediaName: string;
}

const SIP_PORT = 5060;
/** RFC 1918, RFC 4193, RFC 6598 and loopback. */
const PRIVATE = /^(10\.|192\.168\.|172\.(1[6-9]|2[0-9]|3[01])\.|100\.(6[4-9]|[7-9][0-9]|1[01][0-9]|12[0-7])\.|127\.|f[cd])/i;
/** Ports of the configuration where no rtpengine says others. */
const PORTS = [10_000, 19_999] as const;

const sideOf = (address: string): Side => (PRIVATE.test(address) ? "private" : "public");
const isAny = (address: string): boolean => address === "0.0.0.0" || address === "::";

export class Listeners {
  readonly #entries: Entry[] = [];
  readonly #rows: MoveRow[];
  readonly #names: Names;
  readonly #media: RtpengineConf | undefined;
  readonly #sides = new Map<string, Side>();

  constructor(names: Names, rows: MoveRow[], media: RtpengineConf | undefined) {
    this.#names = names;
    this.#rows = rows;
    this.#media = media;
  }

  get none(): boolean {
    return this.#entries.length === 0;
  }

  /** What `listen` and the definitions PRIVATE_IP and PUBLIC_IP say. */
  addCfg(cfg: KamailioCfg): void {
    for (const side of ["private", "public"] as const) {
      const address = cfg.definitions.get(`${side.toUpperCase()}_IP`)?.value;
      if (address !== undefined) this.#sides.set(address, side);
    }
    for (const { value, source } of cfg.listens) {
      const what = `listen ${value.written}`;
      if (value.protocol !== "" && value.protocol !== "udp" && value.protocol !== "tcp") {
        this.#rows.push({ source, what, became: "", note: `${value.protocol.toUpperCase()} is not built in this version` });
      } else if (parseAddress(value.host) === undefined) {
        this.#rows.push({
          source,
          what,
          became: "",
          note: "a listener needs the address itself, not the name of a device: --listen <name>=<address>",
        });
      } else if (isAny(value.host) && value.advertised === undefined) {
        this.#rows.push({ source, what, became: "", note: "others must be told an address: --listen <name>=<address>" });
      } else {
        const port = value.port ?? cfg.defaultPort;
        const transports = value.protocol === "" ? ["udp", ...(cfg.tcp ? ["tcp"] : [])] : [value.protocol];
        this.#add({ name: "", address: value.host, port, transports, advertised: value.advertised, source, what });
      }
    }
    for (const [address, side] of this.#sides) {
      if (this.#entries.some((entry) => entry.address === address) || parseAddress(address) === undefined) continue;
      const { source } = cfg.definitions.get(`${side.toUpperCase()}_IP`)!;
      const port = Number(cfg.definitions.get(`${side.toUpperCase()}_PORT`)?.value ?? cfg.defaultPort) || cfg.defaultPort;
      this.#add({
        name: side,
        address,
        port,
        transports: ["udp", ...(cfg.tcp ? ["tcp"] : [])],
        advertised: undefined,
        source,
        what: `${side.toUpperCase()}_IP ${address}`,
      });
    }
    for (const { value, source } of cfg.aliases) this.#alias(value, source);
  }

  /** "public=203.0.113.10:5060", as a person says it. @returns false when it can't be read */
  addNamed(text: string): boolean {
    const [, name, rest] = /^([A-Za-z0-9][A-Za-z0-9._-]*)=(.+)$/.exec(text) ?? [];
    const socket = rest === undefined ? undefined : parseSocket(rest);
    if (name === undefined || socket === undefined || parseAddress(socket.host) === undefined) return false;
    const side = slug(name);
    if (side === "private" || side === "public") this.#sides.set(socket.host, side);
    this.#add({
      name,
      address: socket.host,
      port: socket.port ?? SIP_PORT,
      transports: ["udp", "tcp"],
      advertised: undefined,
      source: "--listen",
      what: text,
    });
    return true;
  }

  /** For a dump without its kamailio.cfg: sockets of its rows, or else rtpengine's interfaces. */
  addGuesses(sockets: Iterable<readonly [socket: string, source: string]>): void {
    for (const [text, source] of sockets) {
      const socket = parseSocket(text);
      if (socket === undefined || parseAddress(socket.host) === undefined || isAny(socket.host)) continue;
      if (this.#entries.some((entry) => entry.address === socket.host && entry.port === (socket.port ?? SIP_PORT))) continue;
      this.#add({
        name: "",
        address: socket.host,
        port: socket.port ?? SIP_PORT,
        transports: ["udp", "tcp"],
        advertised: undefined,
        source,
        what: `socket ${text}`,
      });
    }
    for (const { name, address } of this.#media?.interfaces ?? []) {
      if (this.#entries.some((entry) => entry.address === address)) continue;
      this.#add({
        name: "",
        address,
        port: SIP_PORT,
        transports: ["udp", "tcp"],
        advertised: undefined,
        source: this.#media!.source,
        what: `interface ${name}/${address}`,
      });
    }
  }

  #add(made: {
    readonly name: string;
    readonly address: string;
    readonly port: number;
    readonly transports: readonly string[];
    readonly advertised: string | undefined;
    readonly source: string;
    readonly what: string;
  }): void {
    const { address, port, advertised, source, what } = made;
    let entry = this.#entries.find((one) => one.address === address && one.port === port);
    if (entry === undefined) {
      const side = this.#sides.get(address) ?? sideOf(address);
      const sameHost = this.#entries.some((one) => one.address === address);
      const name = this.#names.give(made.name, sameHost ? `${side}-${port}` : side);
      const mediaName = this.#media?.interfaces.find((one) => one.address === address)?.name ?? "";
      entry = { name, address, port, transports: new Set(), side, source, advertised, mediaName };
      this.#entries.push(entry);
    }
    for (const transport of made.transports) entry.transports.add(transport);
    entry.advertised ??= advertised;
    this.#rows.push({ source, what, became: `listener ${entry.name}`, note: "" });
  }

  #alias(text: string, source: string): void {
    const host = parseSocket(text)?.host ?? text;
    const what = `alias ${text}`;
    if (this.#entries.some(({ address, advertised }) => address === host || advertised === host)) {
      this.#rows.push({ source, what, became: "its listener", note: "OPTIONS to our own addresses are answered without it" });
    } else if (parseAddress(host) !== undefined) {
      this.#rows.push({ source, what, became: "", note: "no listener has this address; if others reach one by it, say advertise: there" });
    } else {
      this.#domains.add(host.toLowerCase());
      this.#rows.push({ source, what, became: "domains of the public listener", note: "" });
    }
  }
  readonly #domains = new Set<string>();

  /** The listener of a socket as a row names it; undefined when there is none. */
  bySocket(text: string): string | undefined {
    const socket: SocketName | undefined = parseSocket(text);
    if (socket === undefined) return undefined;
    const sameHost = this.#entries.filter((entry) => entry.address === socket.host);
    return (sameHost.find((entry) => entry.port === (socket.port ?? SIP_PORT)) ?? sameHost[0])?.name;
  }

  /** Where Kamailio's routing table would decide: the listener whose network is nearest, else the one of that side. */
  towards(address: string, side: Side): string {
    const near = this.#entries.map((entry) => ({ entry, bits: commonBits(entry.address, address) })).toSorted((a, b) => b.bits - a.bits)[0];
    const bySide = this.#entries.find((entry) => entry.side === side);
    if (near !== undefined && near.bits >= NEAR_BITS && (side === "private" || bySide === undefined)) return near.entry.name;
    return (bySide ?? near?.entry ?? this.#entries[0])?.name ?? "";
  }

  isOwn(host: string, port: number): boolean {
    return this.#entries.some((entry) => entry.port === port && (entry.address === host || entry.advertised === host));
  }

  /** A peer that wants TCP gets it: Kamailio sends by TCP without a listening socket. */
  need(name: string, transport: string, source: string): void {
    const entry = this.#entries.find((one) => one.name === name);
    if (entry === undefined || entry.transports.has(transport)) return;
    entry.transports.add(transport);
    this.#rows.push({
      source,
      what: `;transport=${transport}`,
      became: `${transport} on listener ${name}`,
      note: "it had no such socket; connections out need one",
    });
  }

  draft(): readonly DraftListener[] {
    const domainsAt = (this.#entries.find(({ side }) => side === "public") ?? this.#entries[0])?.name;
    return this.#entries.map((entry) => {
      const media = this.#mediaOf(entry);
      return {
        name: entry.name,
        address: entry.address,
        port: entry.port,
        transports: ["udp", "tcp"].filter((transport) => entry.transports.has(transport)),
        ...(entry.advertised === undefined || entry.advertised === entry.address ? {} : { advertise: entry.advertised }),
        ...(entry.name === domainsAt && this.#domains.size > 0 ? { domains: [...this.#domains] } : {}),
        ...(media === undefined ? {} : { media }),
      };
    });
  }

  #mediaOf(entry: Entry): DraftListener["media"] | undefined {
    const sharing = this.#entries.filter((one) => one.address === entry.address);
    if (this.#media === undefined && sharing.length === 1) return undefined;
    const face =
      this.#media?.interfaces.find((one) => one.address === entry.address) ??
      this.#media?.interfaces.find((one) => one.name === entry.name);
    const [min, max] = this.#media === undefined ? PORTS : [this.#media.portMin, this.#media.portMax];
    // An even first and an odd last port (RFC 3550 §11); listeners of one address share them out.
    const first = min + (min % 2);
    const pairs = Math.floor((max - first + 1) / 2 / sharing.length);
    const begin = first + 2 * pairs * sharing.indexOf(entry);
    return {
      ports: `${begin}-${begin + 2 * pairs - 1}`,
      ...(face !== undefined && face.address !== entry.address ? { address: face.address } : {}),
      ...(face?.advertised === undefined ? {} : { advertise: face.advertised }),
    };
  }
}

/** Below this a common beginning of two addresses says nothing. */
const NEAR_BITS = 16;

function commonBits(a: string, b: string): number {
  const [left, right] = [parseAddress(a), parseAddress(b)];
  if (left === undefined || right === undefined || left.family !== right.family) return -1;
  const bits = left.family === 4 ? 32 : 128;
  const differing = BigInt(left.value) ^ BigInt(right.value);
  return differing === 0n ? bits : bits - differing.toString(2).length;
}
