import assert from "node:assert/strict";
import dgram from "node:dgram";
import { after, test } from "node:test";
import { addressesInHosts, systemDns } from "./dns.ts";

/** Resource records of one answer, as RFC 1035 §4.1.3 writes them, by "TYPE name". */
type Zone = Readonly<Record<string, readonly Buffer[] | "SERVFAIL" | "silence">>;
const TYPES: Readonly<Record<number, string>> = { 1: "A", 28: "AAAA", 33: "SRV" };

function record(type: number, ttlS: number, rdata: Buffer): Buffer {
  const head = Buffer.alloc(12);
  // A pointer to the name in the question.
  head.writeUInt16BE(0xc00c, 0);
  head.writeUInt16BE(type, 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt32BE(ttlS, 6);
  head.writeUInt16BE(rdata.length, 10);
  return Buffer.concat([head, rdata]);
}
const nameBytes = (name: string): Buffer =>
  Buffer.concat([
    ...name.split(".").map((label) => Buffer.from(`${String.fromCharCode(label.length)}${label}`, "latin1")),
    Buffer.alloc(1),
  ]);
function srv(priority: number, weight: number, port: number, name: string): Buffer {
  const fixed = Buffer.alloc(6);
  for (const [i, value] of [priority, weight, port].entries()) fixed.writeUInt16BE(value, 2 * i);
  return record(33, 300, Buffer.concat([fixed, nameBytes(name)]));
}

async function nameServer(zone: Zone): Promise<string> {
  const socket = dgram.createSocket("udp4");
  socket.on("message", (query, from) => {
    const labels: string[] = [];
    let at = 12;
    for (; query[at] !== 0; at += query[at]! + 1) labels.push(query.toString("latin1", at + 1, at + 1 + query[at]!));
    const question = query.subarray(12, at + 5);
    const found = zone[`${TYPES[query.readUInt16BE(at + 1)]} ${labels.join(".").toLowerCase()}`];
    if (found === "silence") return;
    const records = Array.isArray(found) ? found : [];
    const head = Buffer.alloc(12);
    query.copy(head, 0, 0, 2);
    const rcode = found === undefined ? 3 : found === "SERVFAIL" ? 2 : 0;
    head.writeUInt16BE(0x8180 | rcode, 2);
    head.writeUInt16BE(1, 4);
    head.writeUInt16BE(records.length, 6);
    socket.send(Buffer.concat([head, question, ...records]), from.port, from.address);
  });
  const { promise, resolve } = Promise.withResolvers<void>();
  socket.bind(0, "127.0.0.1", resolve);
  await promise;
  after(() => socket.close());
  return `127.0.0.1:${socket.address().port}`;
}

test("questions to a name server: records with the least TTL, none, failed", async () => {
  const server = await nameServer({
    "A gw.example": [record(1, 300, Buffer.from([10, 0, 0, 1])), record(1, 60, Buffer.from([10, 0, 0, 2]))],
    "AAAA gw.example": [],
    "SRV _sip._udp.gw.example": [srv(10, 5, 5070, "a.gw.example"), srv(20, 0, 5060, "b.gw.example")],
    "A broken.example": "SERVFAIL",
    "A silent.example": "silence",
  });
  const dns = systemDns({ timeoutMs: 100, tries: 1, servers: [server] });
  const a = await dns.a("gw.example");
  assert.equal(a.type, "found");
  assert.deepEqual(a.type === "found" && [a.records.toSorted(), a.ttlMs], [["10.0.0.1", "10.0.0.2"], 60_000]);
  assert.deepEqual(await dns.aaaa("gw.example"), { type: "none" });
  assert.deepEqual(await dns.a("nowhere.example"), { type: "none" });
  const services = await dns.srv("_sip._udp.gw.example");
  assert.deepEqual(services.type === "found" && services.records.toSorted((x, y) => x.priority - y.priority), [
    { priority: 10, weight: 5, port: 5070, name: "a.gw.example" },
    { priority: 20, weight: 0, port: 5060, name: "b.gw.example" },
  ]);
  const broken = await dns.a("broken.example");
  assert.equal(broken.type === "failed" && broken.code, "ESERVFAIL");
  const silent = await dns.a("silent.example");
  assert.equal(silent.type === "failed" && silent.code, "ETIMEOUT");
  const malformed = await dns.a(`${"x".repeat(70)}.example`);
  assert.notEqual(malformed.type, "found");
});

test("localhost needs no name server", async () => {
  const dns = systemDns({ timeoutMs: 50, tries: 1, servers: ["127.0.0.1:1"] });
  assert.deepEqual(await dns.a("localhost"), { type: "found", records: ["127.0.0.1"], ttlMs: 10_000 });
  assert.deepEqual(await dns.aaaa("LOCALHOST"), { type: "found", records: ["::1"], ttlMs: 10_000 });
});

test("/etc/hosts: comments, several names, both families, any case", () => {
  const hosts = "# 10.0.0.9 gw\n10.0.0.1\tGW gw.example # here\n\n::9 gw\nnonsense gw\n10.0.0.2 other gw\r\n";
  assert.deepEqual(addressesInHosts(hosts, "gw", 4), ["10.0.0.1", "10.0.0.2"]);
  assert.deepEqual(addressesInHosts(hosts, "gw", 6), ["::9"]);
  assert.deepEqual(addressesInHosts(hosts, "here", 4), []);
});
