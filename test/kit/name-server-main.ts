/**
 * A name server that answers from a file what a test wrote there, lies and silence included, over UDP and TCP:
 *
 *     name-server-main.ts ADDRESS PORT ZONE-FILE
 *
 * A process of its own, because it has to live in the laboratory's network. The file is read at each question.
 */
import { createSocket } from "node:dgram";
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import type { Zone } from "./name-server.ts";

const [address = "127.0.0.1", port = "5353", file = ""] = process.argv.slice(2);
const TYPES: Readonly<Record<number, string>> = { 1: "A", 5: "CNAME", 28: "AAAA", 33: "SRV" };
const NUMBERS = { A: 1, CNAME: 5, SRV: 33 } as const;
/** Without EDNS (RFC 1035 §4.2.1). */
const UDP_BYTES_MAX = 512;
const CHAIN_MAX = 16;

const nameBytes = (name: string): Buffer =>
  Buffer.concat([...name.split(".").map((label) => Buffer.concat([Buffer.of(label.length), Buffer.from(label, "latin1")])), Buffer.of(0)]);

function record(name: string, type: keyof typeof NUMBERS, ttlS: number, bytes: Buffer): Buffer {
  const head = Buffer.alloc(10);
  head.writeUInt16BE(NUMBERS[type], 0);
  head.writeUInt16BE(1, 2);
  head.writeUInt32BE(ttlS, 4);
  head.writeUInt16BE(bytes.length, 8);
  return Buffer.concat([nameBytes(name), head, bytes]);
}

function srvBytes(target: { readonly priority: number; readonly port: number; readonly name: string }): Buffer {
  const head = Buffer.alloc(6);
  head.writeUInt16BE(target.priority, 0);
  head.writeUInt16BE(target.port, 4);
  return Buffer.concat([head, nameBytes(target.name)]);
}

interface Found {
  readonly rcode: number;
  readonly records: readonly Buffer[];
}

/** "silence", bytes as they are, or an answer. */
function look(zone: Zone, type: string, asked: string): Found | "silence" | "nonsense" {
  const records: Buffer[] = [];
  let name = asked;
  for (let next = zone.cname?.[name]; next !== undefined && records.length < CHAIN_MAX; next = zone.cname?.[name]) {
    records.push(record(name, "CNAME", 60, nameBytes(next)));
    name = next;
  }
  const behaviour = zone.behaviour?.[name];
  if (behaviour === "silence" || behaviour === "nonsense") return behaviour;
  if (behaviour === "SERVFAIL") return { rcode: 2, records: [] };
  const ttlS = zone.ttlS ?? 60;
  if (type === "A") for (const one of zone.a?.[name] ?? []) records.push(record(name, "A", ttlS, Buffer.from(one.split(".").map(Number))));
  if (type === "SRV") for (const one of zone.srv?.[name] ?? []) records.push(record(name, "SRV", ttlS, srvBytes(one)));
  // A name that has other records exists: NODATA rather than NXDOMAIN.
  const known = behaviour === "empty" || zone.a?.[name] !== undefined || zone.srv?.[name] !== undefined || records.length > 0;
  return { rcode: known ? 0 : 3, records };
}

/** @param bytesMax more than that is cut off, with the bit that says so */
function answerTo(query: Buffer, bytesMax: number): Buffer | undefined {
  const labels: string[] = [];
  let at = 12;
  for (; at < query.length && query[at] !== 0; at += query[at]! + 1) labels.push(query.toString("latin1", at + 1, at + 1 + query[at]!));
  if (at + 5 > query.length) return undefined;
  const name = labels.join(".").toLowerCase();
  const type = TYPES[query.readUInt16BE(at + 1)] ?? "?";
  process.stdout.write(`${type} ${name}\n`);
  const found = look(JSON.parse(readFileSync(file, "utf8")) as Zone, type, name);
  if (found === "silence") return undefined;
  if (found === "nonsense") return Buffer.concat([query.subarray(0, 2), Buffer.alloc(40, 0xff)]);
  const head = Buffer.alloc(12);
  query.copy(head, 0, 0, 2);
  head.writeUInt16BE(0x8180 | found.rcode, 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt16BE(found.records.length, 6);
  const answer = Buffer.concat([head, query.subarray(12, at + 5), ...found.records]);
  if (answer.length <= bytesMax) return answer;
  head.writeUInt16BE(0x8380, 2);
  head.writeUInt16BE(0, 6);
  return Buffer.concat([head, query.subarray(12, at + 5)]);
}

const udp = createSocket("udp4");
udp.on("message", (query, from) => {
  const answer = answerTo(query, UDP_BYTES_MAX);
  if (answer !== undefined) udp.send(answer, from.port, from.address);
});
const tcp = createServer((socket) => {
  let waiting = Buffer.alloc(0);
  socket.on("error", () => {});
  socket.on("data", (bytes: Buffer) => {
    waiting = Buffer.concat([waiting, bytes]);
    while (waiting.length >= 2 && waiting.length >= 2 + waiting.readUInt16BE(0)) {
      const end = 2 + waiting.readUInt16BE(0);
      const answer = answerTo(waiting.subarray(2, end), 65_535);
      waiting = waiting.subarray(end);
      if (answer === undefined) continue;
      const length = Buffer.alloc(2);
      length.writeUInt16BE(answer.length);
      socket.write(Buffer.concat([length, answer]));
    }
  });
});
udp.bind(Number(port), address, () => tcp.listen(Number(port), address, () => void process.stdout.write("listening\n")));
