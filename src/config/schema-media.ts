/** node.media: which engine carries the audio, and what it needs to know. */
import { parseAddress } from "#routing/addresses.ts";
import {
  type Fields,
  type Of,
  type Placed,
  type Reader,
  describe,
  integer,
  isMapping,
  listOf,
  maybe,
  object,
  oneOf,
  optional,
  required,
  text,
  textLike,
} from "./reading.ts";
import type { Note } from "./check-listeners.ts";
import { suggestion } from "./suggest.ts";

const NG_PORT = 2223;

interface NgPlace {
  readonly address: string;
  readonly port: number;
  readonly weight: number;
}

/** "127.0.0.1:2223", "[2001:db8::1]:2223", or without the port. */
const ngAddress: Reader<{ readonly address: string; readonly port: number }> = (value, reading) => {
  const given = text(value, reading);
  if (given === undefined) return undefined;
  const parts = /^(?:\[([0-9A-Fa-f:.]+)\]|([0-9.]+))(?::([0-9]{1,5}))?$/.exec(given);
  const address = parts?.[1] ?? parts?.[2] ?? given;
  const port = Number(parts?.[3] ?? NG_PORT);
  if (parseAddress(address) !== undefined && port > 0 && port <= 65_535) return { address, port };
  return reading.note(
    `${describe(given)} is not an address of an rtpengine's ng port`,
    `what stands at listen-ng in its rtpengine.conf, e.g. 127.0.0.1:${NG_PORT}`,
  );
};

const ngNode = {
  address: required(ngAddress, `e.g. address: 127.0.0.1:${NG_PORT}`),
  weight: optional(integer(0, 10_000, "weight; 0 takes no new calls"), 1),
} satisfies Fields;
const ngNodeFields = object(ngNode);
const ngNodeOrAddress: Reader<NgPlace> = (value, reading) => {
  const read = ngNodeFields(isMapping(value) ? value : { address: value }, reading);
  return read && { ...read.address, weight: read.weight };
};

const interfaces: Reader<Readonly<Record<string, string>>> = (value, reading) => {
  if (!isMapping(value))
    return reading.note(`${describe(value)} instead of listeners and interfaces`, "interfaces: {private: internal, public: external}");
  const name = textLike(
    /^[A-Za-z0-9._-]{1,64}$/,
    "an interface of rtpengine",
    "the name before the slash at interface in its rtpengine.conf, e.g. external",
  );
  const named: Record<string, string> = {};
  for (const [listener, given] of Object.entries(value)) {
    const read = reading.at(listener, given, name);
    if (read !== undefined) named[listener] = read;
  }
  return named;
};

const media = {
  engine: optional(oneOf(["embedded", "rtpengine"]), "embedded"),
  workers: maybe(integer(1, 64, "packet workers")),
  coalesce_us: optional(integer(0, 1000, "microseconds"), 1000),
  sockets: maybe(oneOf(["koffi", "dgram"])),
  rtpengine: optional(listOf(ngNodeOrAddress), []),
  interfaces: optional(interfaces, {}),
} satisfies Fields;

export type MediaFields = Of<typeof media>;
export const MEDIA_DEFAULTS: MediaFields = {
  engine: "embedded",
  workers: undefined,
  coalesce_us: 1000,
  sockets: undefined,
  rtpengine: [],
  interfaces: {},
};

const mediaFields = object(media);
export const readMedia: Reader<MediaFields> = (value, reading) => {
  const read = mediaFields(value, reading);
  if (read === undefined) return undefined;
  if (read.engine === "rtpengine" && read.rtpengine.length === 0) {
    return reading.note("engine: rtpengine, and none is named", `rtpengine: [127.0.0.1:${NG_PORT}]`);
  }
  if (read.engine === "embedded" && read.rtpengine.length > 0) {
    return reading.note("rtpengine is named, and the engine is the embedded one", "engine: rtpengine, or leave rtpengine: out");
  }
  return read;
};

/** Interfaces are named for listeners. */
export function checkInterfaces(fields: MediaFields, listeners: readonly Placed<{ readonly name: string }>[], error: Note): void {
  const names = listeners.map(({ value }) => value.name);
  for (const listener of Object.keys(fields.interfaces)) {
    if (!names.includes(listener))
      error(["node", "media", "interfaces", listener], `there is no listener ${listener}`, suggestion(listener, names, "listener"));
  }
}
