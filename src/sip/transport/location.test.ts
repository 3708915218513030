import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { VirtualClock } from "../../../test/kit/virtual-clock.ts";
import { seededRandom } from "#base/random.ts";
import type { DnsAnswer, DnsQuestions, SrvRecord } from "#net/dns.ts";
import type { Uri } from "#sip/message/message.ts";
import { parseUri } from "#sip/message/parse-uri.ts";
import { createLocator, type Located, type Locator, orderRecords, textLocator } from "./location.ts";
import type { ListenerFace, TransportName } from "./transport.ts";

interface Zone {
  readonly srv?: Readonly<Record<string, readonly SrvRecord[] | "failed">>;
  readonly a?: Readonly<Record<string, readonly string[] | "failed">>;
  readonly aaaa?: Readonly<Record<string, readonly string[]>>;
}

function answerOf<T>(records: readonly T[] | "failed" | undefined): Promise<DnsAnswer<T>> {
  if (records === undefined) return Promise.resolve({ type: "none" });
  if (records === "failed") return Promise.resolve({ type: "failed", code: "ESERVFAIL", detail: "server failure" });
  return Promise.resolve({ type: "found", records, ttlMs: 60_000 });
}

function fake(zone: Zone): { readonly dns: DnsQuestions; readonly asked: string[] } {
  const asked: string[] = [];
  const note = <T>(question: string, answer: Promise<DnsAnswer<T>>): Promise<DnsAnswer<T>> => {
    asked.push(question);
    return answer;
  };
  const dns: DnsQuestions = {
    srv: (name) => note(`SRV ${name}`, answerOf(zone.srv?.[name])),
    a: (name) => note(`A ${name}`, answerOf(zone.a?.[name])),
    aaaa: (name) => note(`AAAA ${name}`, answerOf(zone.aaaa?.[name])),
  };
  return { dns, asked };
}

function face(name: string, address: string, transports: readonly TransportName[]): ListenerFace {
  return { name, address, advertised: address, portOf: (transport) => (transports.includes(transport) ? 5060 : undefined) };
}
const faces = new Map([
  ["both", face("both", "10.0.0.1", ["UDP", "TCP"])],
  ["tcp", face("tcp", "10.0.0.1", ["TCP"])],
  ["six", face("six", "2001:db8::1", ["UDP"])],
  ["tls", face("tls", "10.0.0.1", ["TLS"])],
]);

function locator(zone: Zone): Locator & { readonly asked: string[] } {
  const { dns, asked } = fake(zone);
  const { locate } = createLocator({
    dns,
    clock: new VirtualClock(),
    random: seededRandom(1),
    listeners: { listener: (name) => faces.get(name) },
  });
  return { locate, asked };
}

function uri(text: string): Uri {
  const value = parseUri(text);
  assert.ok(value.ok, text);
  return value.value;
}
const short = (located: Located): string =>
  located.ok ? located.targets.map(({ transport, address, port }) => `${transport} ${address} ${port}`).join(", ") : located.code;
const srv = (priority: number, weight: number, port: number, name: string): SrvRecord => ({ priority, weight, port, name });

test("numeric hosts need no DNS and no waiting, RFC 3263 §4.1", () => {
  const { locate, asked } = locator({});
  const expected: readonly (readonly [text: string, listener: string, result: string])[] = [
    ["sip:+49@192.0.2.1", "both", "UDP 192.0.2.1 5060"],
    ["sip:192.0.2.1:5070;transport=tcp", "both", "TCP 192.0.2.1 5070"],
    ["sip:192.0.2.1;transport=UDP", "both", "UDP 192.0.2.1 5060"],
    ["sip:192.0.2.1", "tcp", "TCP 192.0.2.1 5060"],
    ["sip:[2001:db8::2]:5062", "six", "UDP 2001:db8::2 5062"],
    ["sip:gw.example;maddr=192.0.2.7", "both", "UDP 192.0.2.7 5060"],
    ["sip:[2001:db8::2]", "both", "EAFNOSUPPORT"],
    ["sip:192.0.2.1", "six", "EAFNOSUPPORT"],
    ["sip:192.0.2.1;transport=udp", "tcp", "NO_TRANSPORT"],
    ["sip:192.0.2.1;transport=tls", "both", "NO_TRANSPORT"],
    ["sips:192.0.2.1", "both", "NO_TRANSPORT"],
    ["sip:192.0.2.1", "nowhere", "NO_LISTENER"],
    ["tel:+4930123", "both", "NO_HOST"],
  ];
  for (const [text, listener, result] of expected) {
    const located = locate(uri(text), listener);
    assert.ok(!(located instanceof Promise), text);
    assert.equal(short(located), result, text);
  }
  assert.deepEqual(asked, []);
});

test("sips and transport=tls go over TLS alone, for the name that was asked for, RFC 3263 §4.1, RFC 5922 §4", async () => {
  const { locate, asked } = locator({
    a: { "edge.example": ["192.0.2.1"], "plain.example": ["192.0.2.2"] },
    srv: { "_sips._tcp.gw.example": [srv(1, 1, 5071, "edge.example")] },
  });
  const told = async (text: string): Promise<string> => {
    const located = await locate(uri(text), "tls");
    const aims = located.ok ? located.targets.map(({ tls }) => tls?.serverName) : [];
    return `${short(located)} ${[...new Set(aims)].join(", ")}`;
  };
  assert.equal(await told("sip:gw.example;transport=tls"), "TLS 192.0.2.1 5071 gw.example");
  assert.equal(await told("sips:GW.example"), "TLS 192.0.2.1 5071 gw.example");
  assert.equal(await told("sips:plain.example;transport=tcp"), "TLS 192.0.2.2 5061 plain.example");
  assert.equal(await told("sips:192.0.2.9:5080"), "TLS 192.0.2.9 5080 192.0.2.9");
  assert.equal(await told("sip:192.0.2.9;transport=tls"), "TLS 192.0.2.9 5061 192.0.2.9");
  assert.equal(await told("sips:192.0.2.9;transport=udp"), "NO_TRANSPORT ");
  // Nothing asks for TLS: UDP, although there is no other listener for it.
  assert.equal(await told("sip:192.0.2.9"), "NO_TRANSPORT ");
  assert.ok(!asked.some((question) => question.includes("_sip._")));
});

test("a name with a port is an address question only, §4.2", async () => {
  const { locate, asked } = locator({ a: { "gw.example": ["192.0.2.1", "192.0.2.2"] } });
  assert.equal(short(await locate(uri("sip:GW.example.:5070"), "both")), "UDP 192.0.2.1 5070, UDP 192.0.2.2 5070");
  assert.deepEqual(asked, ["A gw.example"]);
  const again = locate(uri("sip:gw.example:5080;transport=tcp"), "both");
  assert.ok(!(again instanceof Promise), "it is in the cache");
  assert.equal(short(again), "TCP 192.0.2.1 5080, TCP 192.0.2.2 5080");
});

test("a name without a port is an SRV question; the records' order and ports hold, §4.2", async () => {
  const { locate, asked } = locator({
    srv: { "_sip._udp.gw.example": [srv(20, 0, 5062, "b.example"), srv(10, 0, 5061, "a.example"), srv(30, 0, 5063, "gone.example")] },
    a: { "a.example": ["192.0.2.1", "192.0.2.2"], "b.example": ["192.0.2.3"] },
  });
  assert.equal(short(await locate(uri("sip:gw.example"), "both")), "UDP 192.0.2.1 5061, UDP 192.0.2.2 5061, UDP 192.0.2.3 5062");
  assert.deepEqual(asked, ["SRV _sip._udp.gw.example", "A a.example", "A b.example", "A gone.example"]);
  assert.ok(!(locate(uri("sip:gw.example"), "both") instanceof Promise));
});

test("TCP is asked for where UDP has no SRV, or where the URI or the listener wants it", async () => {
  const zone: Zone = {
    srv: { "_sip._tcp.gw.example": [srv(0, 0, 5061, "a.example")] },
    a: { "a.example": ["192.0.2.1"] },
  };
  for (const [text, listener] of [
    ["sip:gw.example", "both"],
    ["sip:gw.example;transport=tcp", "both"],
    ["sip:gw.example", "tcp"],
  ] as const) {
    assert.equal(short(await locator(zone).locate(uri(text), listener)), "TCP 192.0.2.1 5061", `${text} ${listener}`);
  }
});

test("without SRV records the name's addresses are used on 5060, also when SRV cannot be asked", async () => {
  const a = { "gw.example": ["192.0.2.1"] };
  assert.equal(short(await locator({ a }).locate(uri("sip:gw.example"), "both")), "UDP 192.0.2.1 5060");
  assert.equal(short(await locator({ a }).locate(uri("sip:gw.example;transport=tcp"), "both")), "TCP 192.0.2.1 5060");
  const failing = { srv: { "_sip._udp.gw.example": "failed", "_sip._tcp.gw.example": "failed" }, a } as const;
  assert.equal(short(await locator(failing).locate(uri("sip:gw.example"), "both")), "UDP 192.0.2.1 5060");
});

test("an IPv6 listener asks for AAAA", async () => {
  const { locate, asked } = locator({ aaaa: { "gw.example": ["2001:db8::5"] } });
  assert.equal(short(await locate(uri("sip:gw.example:5060"), "six")), "UDP 2001:db8::5 5060");
  assert.deepEqual(asked, ["AAAA gw.example"]);
});

test("no such name differs from no answer", async () => {
  assert.equal(short(await locator({}).locate(uri("sip:gw.example:5060"), "both")), "NOT_FOUND");
  assert.equal(short(await locator({ a: { "gw.example": "failed" } }).locate(uri("sip:gw.example:5060"), "both")), "DNS_FAILED");
  const empty = { srv: { "_sip._udp.gw.example": [srv(0, 0, 0, ".")] } };
  assert.equal(short(await locator(empty).locate(uri("sip:gw.example"), "both")), "NOT_FOUND");
  const dangling = { srv: { "_sip._udp.gw.example": [srv(0, 0, 5060, "a.example")] } };
  assert.equal(short(await locator(dangling).locate(uri("sip:gw.example"), "both")), "NOT_FOUND");
});

test("at most eight targets, none twice", async () => {
  const addresses = Array.from({ length: 20 }, (_, i) => `192.0.2.${i + 1}`);
  const many = await locator({ a: { "gw.example": addresses } }).locate(uri("sip:gw.example:5060"), "both");
  assert.equal(many.ok && many.targets.length, 8);
  const twice = await locator({
    srv: { "_sip._udp.gw.example": [srv(1, 0, 5060, "a.example"), srv(2, 0, 5060, "b.example")] },
    a: { "a.example": ["192.0.2.1"], "b.example": ["192.0.2.1"] },
  }).locate(uri("sip:gw.example"), "both");
  assert.equal(short(twice), "UDP 192.0.2.1 5060");
});

test("SRV order is a permutation by priority, for any records", () => {
  const records = fc.array(
    fc.record({
      priority: fc.nat(3),
      weight: fc.nat(65_535),
      port: fc.integer({ min: 1, max: 65_535 }),
      name: fc.constantFrom("a", "b", "c"),
    }),
    { maxLength: 12 },
  );
  fc.assert(
    fc.property(records, fc.nat(), (given, seed) => {
      const ordered = orderRecords(given, seededRandom(seed));
      assert.equal(ordered.length, given.length);
      assert.deepEqual(new Set(ordered), new Set(given));
      for (let i = 1; i < ordered.length; i++) assert.ok(ordered[i - 1]!.priority <= ordered[i]!.priority);
    }),
  );
});

test("weights decide how often a record comes first, RFC 2782", () => {
  const random = seededRandom(7);
  const records = [srv(0, 70, 1, "a"), srv(0, 30, 2, "b"), srv(0, 0, 3, "c")];
  const first = new Map<string, number>();
  for (let i = 0; i < 10_000; i++) {
    const [winner] = orderRecords(records, random);
    first.set(winner!.name, (first.get(winner!.name) ?? 0) + 1);
  }
  assert.ok(Math.abs(first.get("a")! / 10_000 - 0.7) < 0.03, JSON.stringify([...first]));
  assert.ok(Math.abs(first.get("b")! / 10_000 - 0.3) < 0.03, JSON.stringify([...first]));
  assert.ok((first.get("c") ?? 0) < 300);
});

test("a URI as text leads to targets or to none", async () => {
  const { locate } = textLocator(locator({ a: { "gw.example": ["192.0.2.1"] } }));
  const numeric = locate("sip:a@192.0.2.9:5070;transport=tcp", "both");
  assert.deepEqual(numeric, [{ transport: "TCP", listener: "both", address: "192.0.2.9", port: 5070 }]);
  assert.equal((await locate("sip:gw.example:5060", "both")).length, 1);
  assert.deepEqual(await locate("sip:nowhere.example:5060", "both"), []);
  assert.deepEqual(locate("not a URI", "both"), []);
});

test("a name that points at nobody, a multicast group or everybody has no address", async () => {
  const a = { "gw.example": ["0.0.0.0", "224.0.0.5", "255.255.255.255", "240.0.0.1"], "half.example": ["0.0.0.0", "10.0.0.7"] };
  const srvs = { "_sip._udp.gw.example": [srv(0, 0, 5060, "gw.example")] };
  assert.equal(short(await locator({ a }).locate(uri("sip:gw.example:5060"), "both")), "NOT_FOUND");
  assert.equal(short(await locator({ a, srv: srvs }).locate(uri("sip:gw.example"), "both")), "NOT_FOUND");
  assert.equal(short(await locator({ a }).locate(uri("sip:half.example:5060"), "both")), "UDP 10.0.0.7 5060");
  const aaaa = { "gw.example": ["::", "ff02::1"] };
  assert.equal(short(await locator({ aaaa }).locate(uri("sip:gw.example:5060"), "six")), "NOT_FOUND");
});
