import assert from "node:assert/strict";
import dgram from "node:dgram";
import net from "node:net";
import { after, test } from "node:test";
import { Arrivals, type LoopbackLayer, type LoopbackOptions, openLoopback, requestWire } from "../../../test/kit/loopback-layer.ts";
import { VirtualClock } from "../../../test/kit/virtual-clock.ts";
import { seededRandom } from "#base/random.ts";
import { buildResponse } from "#sip/message/build-response.ts";
import type { ReceivedRequest } from "#sip/message/message.ts";
import { serializeResponse } from "#sip/message/serialize.ts";
import { ListenerOpenError } from "./listener.ts";
import { createTransportLayer } from "./transport-layer.ts";
import type { Flow } from "./transport.ts";

const opened: LoopbackLayer[] = [];
after(() => Promise.all(opened.map(({ layer }) => layer.close())));
async function open(options?: LoopbackOptions): Promise<LoopbackLayer> {
  const loop = await openLoopback(options);
  opened.push(loop);
  return loop;
}

/** What depends on how sockets are made holds for both ways. */
function onBothSockets(name: string, run: (sockets: LoopbackOptions) => Promise<void>): void {
  for (const foreignCalls of [true, false]) {
    test(`${name} (${foreignCalls ? "foreign calls" : "Node alone"})`, () => run({ foreignCalls }));
  }
}

interface PlainSocket {
  readonly socket: dgram.Socket;
  readonly port: number;
  readonly received: Arrivals<{ readonly text: string; readonly port: number }>;
  send(text: string | Buffer, to: LoopbackLayer): void;
}
async function plainSocket(port = 0): Promise<PlainSocket> {
  const socket = dgram.createSocket("udp4");
  const received = new Arrivals<{ text: string; port: number }>("datagram");
  socket.on("message", (bytes, from) => received.put({ text: bytes.latin1Slice(), port: from.port }));
  const { promise, resolve } = Promise.withResolvers<void>();
  socket.bind(port, "127.0.0.1", resolve);
  await promise;
  after(() => {
    try {
      socket.close();
    } catch {
      // The test closed it.
    }
  });
  return { socket, port: socket.address().port, received, send: (text, to) => socket.send(text, to.port, "127.0.0.1") };
}

interface PlainConnection {
  readonly socket: net.Socket;
  readonly received: Arrivals<string>;
  readonly closed: Promise<void>;
}
function plainConnection(socket: net.Socket): PlainConnection {
  const received = new Arrivals<string>("segment");
  const { promise, resolve } = Promise.withResolvers<void>();
  socket.setNoDelay(true);
  socket.on("data", (bytes: Buffer) => received.put(bytes.latin1Slice()));
  socket.on("error", () => {});
  socket.on("close", () => resolve());
  after(() => socket.destroy());
  return { socket, received, closed: promise };
}
const connectTo = (loop: LoopbackLayer): PlainConnection => plainConnection(net.connect(loop.port, "127.0.0.1"));

/** A server that gives its connections; `port` 0 is the kernel's choice. */
async function plainServer(
  port = 0,
): Promise<{ readonly server: net.Server; readonly port: number; readonly connections: Arrivals<PlainConnection> }> {
  const connections = new Arrivals<PlainConnection>("connection");
  const server = net.createServer((socket) => connections.put(plainConnection(socket)));
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(port, "127.0.0.1", resolve);
  await promise;
  after(() => server.close());
  return { server, port: (server.address() as net.AddressInfo).port, connections };
}
/** A port on which nothing listens, neither UDP nor TCP. */
async function freePort(): Promise<number> {
  const { server, port } = await plainServer();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function okTo(message: unknown, flow: Flow): string {
  const request = message as ReceivedRequest;
  return serializeResponse(buildResponse(request, 200, "OK", { received: { address: flow.remoteAddress, rport: flow.remotePort } }));
}

onBothSockets("a request goes from one layer to another and its response comes back, over UDP and TCP", async (sockets) => {
  const a = await open(sockets);
  const b = await open(sockets);
  for (const transport of ["UDP", "TCP"] as const) {
    a.send(b.target(transport), requestWire({ transport, sentBy: `127.0.0.1:${a.port}` }));
    const { message, flow } = await b.messages.next();
    assert.equal(message.kind, "request");
    assert.equal(flow.transport, transport);
    assert.equal(flow.remoteAddress, "127.0.0.1");
    b.respond(flow, okTo(message, flow));
    const answer = await a.messages.next();
    assert.equal(answer.message.kind === "response" && answer.message.status, 200);
    assert.equal(answer.flow.transport, transport);
    assert.equal(answer.flow.localPort === a.port, transport === "UDP");
  }
  assert.equal(a.failures.count + b.failures.count, 0);
});

onBothSockets("port 0 opens UDP and TCP on the same port", async (sockets) => {
  const { layer, port } = await open(sockets);
  const face = layer.listener("loop");
  assert.equal(face?.portOf("UDP"), port);
  assert.equal(face?.portOf("TCP"), port);
  assert.equal(face?.portOf("TLS"), undefined);
});

onBothSockets("a UDP request leaves by the listener's port although its target is watched by an own socket", async (sockets) => {
  const a = await open(sockets);
  const peer = await plainSocket();
  const target = { ...a.target("UDP"), port: peer.port };
  a.send(target, requestWire());
  assert.equal((await peer.received.next()).port, a.port);
  assert.equal(a.layer.counters.watchedTargets, 1);
  // What the peer sends to the listener's port now comes in by the connected socket, from others by the other.
  peer.send(requestWire({ branch: "z9hG4bKpeer" }), a);
  const stranger = await plainSocket();
  const fromPeer = await a.messages.next();
  stranger.send(requestWire({ branch: "z9hG4bKstranger" }), a);
  const fromStranger = await a.messages.next();
  assert.equal(fromPeer.flow.remotePort, peer.port);
  assert.equal(fromStranger.flow.remotePort, stranger.port);
  assert.equal(fromPeer.flow.localPort, fromStranger.flow.localPort);
});

onBothSockets("no datagram is lost while targets become watched", async (sockets) => {
  const a = await open(sockets);
  const stranger = await plainSocket();
  const peers = await Promise.all(Array.from({ length: 20 }, () => plainSocket()));
  let sent = 0;
  for (const peer of peers) {
    for (let i = 0; i < 5; i++) stranger.send(requestWire({ branch: `z9hG4bK${sent++}` }), a);
    a.send({ ...a.target("UDP"), port: peer.port }, requestWire());
    await peer.received.next();
  }
  for (let i = 0; i < sent; i++) await a.messages.next();
  assert.equal(a.layer.counters.watchedTargets, 20);
});

onBothSockets("a UDP target on which nothing listens fails the request at once with ECONNREFUSED", async (sockets) => {
  const a = await open(sockets);
  const target = { ...a.target("UDP"), port: await freePort() };
  a.send(target, requestWire());
  assert.equal((await a.failures.next()).code, "ECONNREFUSED");
  assert.ok(a.layer.counters.refusals > 0);
});

onBothSockets("every request of the last second towards a refusing target fails, each once", async (sockets) => {
  const a = await open(sockets);
  const target = { ...a.target("UDP"), port: await freePort() };
  const told = [0, 0, 0];
  const { promise, resolve } = Promise.withResolvers<void>();
  for (const index of told.keys()) {
    a.layer.send(target, requestWire({ branch: `z9hG4bK${index}` }), () => {
      told[index]!++;
      if (told.every((count) => count > 0)) resolve();
    });
  }
  await promise;
  assert.deepEqual(told, [1, 1, 1]);
});

onBothSockets("a target that refused earlier gets the next request when it is back", async (sockets) => {
  const a = await open(sockets);
  const port = await freePort();
  const target = { ...a.target("UDP"), port };
  a.send(target, requestWire());
  await a.failures.next();
  // A refusal that nobody read yet must not swallow the request either.
  a.send(target, requestWire());
  const peer = await plainSocket(port);
  a.send(target, requestWire({ branch: "z9hG4bKback" }));
  assert.match((await peer.received.next()).text, /z9hG4bKback/);
});

test("at most 256 targets are watched; the one unused for longest gives way, and a busy one never does", async () => {
  const clock = new VirtualClock();
  const a = await open({ clock });
  const peer = await plainSocket();
  const target = a.target("UDP");
  for (let port = 1; port <= 255; port++) a.layer.watchTarget({ ...target, address: `127.0.1.${port}`, port: 5060 });
  a.send({ ...target, port: peer.port }, requestWire());
  await peer.received.next();
  assert.equal(a.layer.counters.watchedTargets, 256);
  // All were just used: this one goes out unwatched.
  const other = await plainSocket();
  a.send({ ...target, port: other.port }, requestWire());
  assert.equal((await other.received.next()).port, a.port);
  assert.equal(a.layer.counters.watchedTargets, 256);
  clock.advance(33_000);
  const dead = await freePort();
  a.send({ ...target, port: dead }, requestWire());
  assert.equal((await a.failures.next()).code, "ECONNREFUSED", "it took the place of an old one");
  assert.equal(a.layer.counters.watchedTargets, 256);
});

test("a response with rport goes to the source port, RFC 3581 §4", async () => {
  const a = await open();
  const peer = await plainSocket();
  peer.send(requestWire({ sentBy: "192.0.2.9:9" }), a);
  const { message, flow } = await a.messages.next();
  a.respond(flow, okTo(message, flow));
  const answer = await peer.received.next();
  assert.match(
    answer.text,
    new RegExp(`^SIP/2.0 200 OK\r\nVia: [^\r]*rport=${peer.port}[^\r]*received=127.0.0.1|received=127.0.0.1[^\r]*rport=${peer.port}`),
  );
  assert.equal(answer.port, a.port);
});

test("a response without rport goes to the source address and the sent-by port, RFC 3261 §18.2.2", async () => {
  const a = await open();
  const peer = await plainSocket();
  const elsewhere = await plainSocket();
  peer.send(requestWire({ sentBy: `carrier.invalid:${elsewhere.port}`, rport: "" }), a);
  const { message, flow } = await a.messages.next();
  a.respond(flow, okTo(message, flow));
  assert.match((await elsewhere.received.next()).text, /received=127\.0\.0\.1/);
});

test("a response whose connection is gone opens a new one to the sent-by port, RFC 3261 §18.2.2", async () => {
  const a = await open();
  const { port, connections } = await plainServer();
  const first = connectTo(a);
  first.socket.write(requestWire({ transport: "TCP", sentBy: `127.0.0.1:${port}`, rport: "" }));
  const { message, flow } = await a.messages.next();
  first.socket.destroy();
  await first.closed;
  while (a.layer.counters.connections > 0) await new Promise((resolve) => setImmediate(resolve));
  a.respond(flow, okTo(message, flow));
  const second = await connections.next();
  assert.match(await second.received.next(), /^SIP\/2\.0 200 OK/);
});

test("TCP messages are framed at every split", async () => {
  const a = await open();
  const wire = requestWire({ transport: "TCP", method: "INFO", body: "Signal=5\r\nDuration=160\r\n" });
  const connection = connectTo(a);
  for (let at = 1; at < wire.length; at++) {
    connection.socket.write(wire.slice(0, at), "latin1");
    // A turn of the loop between the parts makes them two segments.
    await new Promise((resolve) => setImmediate(resolve));
    connection.socket.write(wire.slice(at) + (at % 3 === 0 ? wire : ""), "latin1");
    for (let i = 0; i < (at % 3 === 0 ? 2 : 1); i++) assert.equal((await a.messages.next()).message.wire, wire);
  }
  assert.equal(a.layer.counters.accepted, 1);
  assert.equal(a.layer.counters.garbage, 0);
});

test("requests to one place share a connection, also one that the peer opened", async () => {
  const a = await open();
  const b = await open();
  for (let i = 0; i < 3; i++) {
    a.send(b.target("TCP"), requestWire({ transport: "TCP", branch: `z9hG4bK${i}` }));
    await b.messages.next();
  }
  assert.equal(b.layer.counters.accepted, 1);
  a.send(b.target("TCP"), requestWire({ transport: "TCP" }));
  const { flow } = await b.messages.next();
  // Back over the same connection, by its id, although the target names a place where nothing listens.
  b.send({ ...b.target("TCP"), port: 1, connection: flow.connection }, requestWire({ transport: "TCP", branch: "z9hG4bKback" }));
  assert.match((await a.messages.next()).message.wire, /z9hG4bKback/);
  assert.equal(a.layer.counters.accepted, 0);
});

test("a request that a dying connection took with it goes out again over a new one", async () => {
  const a = await open({ clock: new VirtualClock() });
  const { port, connections } = await plainServer();
  const target = { ...a.target("TCP"), port };
  a.send(target, requestWire({ transport: "TCP", branch: "z9hG4bK1" }));
  const first = await connections.next();
  await first.received.next();
  first.socket.resetAndDestroy();
  const second = await connections.next();
  assert.match(await second.received.next(), /z9hG4bK1/);
  second.socket.resetAndDestroy();
  assert.match((await a.failures.next()).code, /ECONNRESET|EPIPE|CLOSED/);
});

test("a TCP target on which nothing listens fails with ECONNREFUSED", async () => {
  const a = await open();
  a.send({ ...a.target("TCP"), port: await freePort() }, requestWire({ transport: "TCP" }));
  assert.equal((await a.failures.next()).code, "ECONNREFUSED");
  assert.equal(a.layer.counters.openFailed, 1);
  assert.equal(a.layer.counters.connections, 0);
});

test("a TCP target that does not answer the SYN fails after 4 s", async () => {
  const clock = new VirtualClock();
  const a = await open({ clock });
  // A server that never accepts, its backlog full: further SYNs get no answer.
  const server = net.createServer().listen({ port: 0, host: "127.0.0.1", backlog: 0 });
  await new Promise((resolve) => server.once("listening", resolve));
  after(() => server.close());
  a.send({ ...a.target("TCP"), address: "127.0.0.1", port: (server.address() as net.AddressInfo).port }, requestWire({ transport: "TCP" }));
  // The virtual clock decides before the kernel had a chance to complete the handshake.
  clock.advance(4_000);
  assert.equal((await a.failures.next()).code, "ETIMEDOUT");
  assert.equal(clock.pending, 1, "only the sweep is left");
});

test("a double CRLF on a connection is answered by one CRLF, RFC 5626 §4.4.1", async () => {
  const a = await open();
  const connection = connectTo(a);
  connection.socket.write("\r\n\r\n\r\n\r\n");
  assert.equal(await connection.received.next(), "\r\n");
});

test("a message that is begun and not completed costs the connection after 30 s; an idle one lives 5 min", async () => {
  const clock = new VirtualClock();
  const a = await open({ clock });
  const slow = connectTo(a);
  const idle = connectTo(a);
  slow.socket.write(`${requestWire({ transport: "TCP" })}OPTIONS sip:a@127.0.0.1 SIP/2.0\r\nVia: SIP/`);
  await a.messages.next();
  idle.socket.write(requestWire({ transport: "TCP" }));
  await a.messages.next();
  clock.advance(40_000);
  await slow.closed;
  assert.equal(a.layer.counters.connections, 1);
  clock.advance(5 * 60_000);
  await idle.closed;
  assert.equal(a.layer.counters.connections, 0);
});

test("one source gets 1,000 connections, and its next is turned away", async () => {
  const a = await open({ transports: ["TCP"] });
  const connections = Array.from({ length: 1_001 }, () => connectTo(a));
  while (a.layer.counters.turnedAway === 0) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(a.layer.counters.accepted, 1_000);
  await Promise.race(connections.map(({ closed }) => closed));
  const other = plainConnection(net.connect({ port: a.port, host: "127.0.0.1", localAddress: "127.0.0.2" }));
  other.socket.write(requestWire({ transport: "TCP" }));
  assert.equal((await a.messages.next()).flow.remoteAddress, "127.0.0.2");
  for (const { socket } of connections) socket.destroy();
});

test("random bytes over UDP and TCP throw nothing, and the next message is received", async () => {
  const a = await open();
  const random = seededRandom(20_261);
  const peer = await plainSocket();
  const valid = requestWire({ method: "INVITE", body: "v=0\r\n" });
  for (let i = 0; i < 300; i++) {
    const bytes = Buffer.from(random.integer(2) === 0 ? valid : valid.slice(random.integer(valid.length)), "latin1");
    for (let change = random.integer(20); change >= 0; change--) bytes[random.integer(bytes.length)] = random.integer(256);
    peer.send(bytes, a);
    const connection = connectTo(a);
    connection.socket.end(bytes);
    await connection.closed;
  }
  peer.send(requestWire({ branch: "z9hG4bKlast" }), a);
  for (;;) if (/z9hG4bKlast/.test((await a.messages.next()).message.wire)) break;
  assert.equal(a.layer.counters.datagramsIn, 301);
});

test("a connection whose framing broke is closed after what its user answers", async () => {
  const a: LoopbackLayer = await open({ onGarbage: (flow) => a.respond(flow, "SIP/2.0 400 Bad Request (framing)\r\n\r\n") });
  const connection = connectTo(a);
  connection.socket.write(requestWire({ transport: "TCP" }).replace(/Content-Length: 0/, "Content-Length: many"));
  assert.match(await connection.received.next(), /^SIP\/2\.0 400 Bad Request \(/);
  await connection.closed;
  assert.equal(a.layer.counters.connections, 0);
});

test("a peer that does not read loses its connection at 1 MB of backlog", async () => {
  const a = await open();
  const { port, connections } = await plainServer();
  const target = { ...a.target("TCP"), port };
  const wire = requestWire({ transport: "TCP", body: "x".repeat(60_000) });
  a.send(target, wire);
  const peer = await connections.next();
  peer.socket.pause();
  for (let i = 0; i < 400 && a.layer.counters.connections > 0; i++) {
    a.send(target, wire);
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.equal((await a.failures.next()).code, "OVERLOADED");
});

test("garbage is counted and told", async () => {
  const a = await open();
  const peer = await plainSocket();
  peer.send(requestWire().replace("Max-Forwards: 70", "Max-Forwards 70"), a);
  assert.equal((await a.garbage.next()).reason, "header line without a name and a colon");
  peer.send("not SIP at all", a);
  await a.garbage.next();
  assert.equal(a.layer.counters.garbage, 2);
});

test("a flood of garbage is published only some times a second", async () => {
  const a = await open({ clock: new VirtualClock() });
  const peer = await plainSocket();
  const broken = requestWire().replace("Max-Forwards: 70", "Max-Forwards 70");
  for (let i = 0; i < 100; i++) {
    peer.send(broken, a);
    await a.garbage.next();
  }
  assert.equal(a.layer.counters.garbage, 100);
  assert.equal(a.events.filter((event) => event.type === "garbage").length, 5);
});

test("keep-alives and STUN on UDP are neither garbage nor answered", async () => {
  const a = await open();
  const peer = await plainSocket();
  const stun = Buffer.alloc(20);
  stun.writeUInt16BE(1, 0);
  stun.writeUInt32BE(0x2112a442, 4);
  for (const bytes of [Buffer.from("\r\n\r\n"), Buffer.alloc(4), Buffer.alloc(0), stun]) peer.send(bytes, a);
  peer.send(requestWire(), a);
  await a.messages.next();
  const { keepAlives, stun: stunCount, garbage } = a.layer.counters;
  assert.deepEqual({ keepAlives, stunCount, garbage }, { keepAlives: 3, stunCount: 1, garbage: 0 });
  assert.equal(peer.received.count, 0);
});

test("a request above 1,300 bytes goes by TCP and says so in its Via, RFC 3261 §18.1.1; its CANCEL follows", async () => {
  const a = await open();
  const b = await open();
  const large = requestWire({ method: "INVITE", branch: "z9hG4bKbig", body: "v".repeat(1_300) });
  a.send(b.target("UDP"), large);
  const { message, flow } = await b.messages.next();
  assert.equal(flow.transport, "TCP");
  assert.match(message.wire, /^Via: SIP\/2\.0\/TCP /m);
  // The transaction believes that it is on UDP and repeats; TCP already carries it.
  a.send(b.target("UDP"), large);
  a.send(b.target("UDP"), requestWire({ method: "CANCEL", branch: "z9hG4bKbig" }));
  const next = await b.messages.next();
  assert.equal(next.message.kind === "request" && next.message.method, "CANCEL");
  assert.equal(next.flow.connection, flow.connection);
  a.send(b.target("UDP"), requestWire({ branch: "z9hG4bKsmall" }));
  assert.equal((await b.messages.next()).flow.transport, "UDP");
});

test("a large request goes by UDP after all where the peer has no TCP, and TCP is not asked again", async () => {
  const clock = new VirtualClock();
  const a = await open({ clock });
  const b = await open({ transports: ["UDP"] });
  for (const branch of ["z9hG4bKbig1", "z9hG4bKbig2"]) {
    a.send(b.target("UDP"), requestWire({ branch, body: "v".repeat(1_300) }));
    const { message, flow } = await b.messages.next();
    assert.equal(flow.transport, "UDP");
    assert.match(message.wire, /^Via: SIP\/2\.0\/UDP /m);
  }
  assert.equal(a.layer.counters.opened, 1);
});

test("what cannot be sent fails later with a code, never at once and never with an exception", async () => {
  const a = await open({ transports: ["UDP"] });
  const to = a.target("UDP");
  for (const [target, code] of [
    [{ ...to, transport: "TCP" }, "NO_TRANSPORT"],
    [{ ...to, transport: "TLS" }, "NO_TRANSPORT"],
    [{ ...to, port: 0 }, "EINVAL"],
    [{ ...to, port: 99_999 }, "EINVAL"],
    [{ ...to, address: "::1" }, "EINVAL"],
    [{ ...to, address: "not an address" }, "EINVAL"],
  ] as const) {
    a.send(target, requestWire());
    assert.equal(a.failures.count, 0);
    assert.equal((await a.failures.next()).code, code, JSON.stringify(target));
  }
  a.send(to, requestWire({ body: "x".repeat(66_000) }));
  assert.equal((await a.failures.next()).code, "EMSGSIZE");
  const { promise, resolve } = Promise.withResolvers<string>();
  a.layer.send({ ...to, listener: "nowhere" }, requestWire(), ({ code }) => resolve(code));
  assert.equal(await promise, "NO_LISTENER");
});

onBothSockets("a taken port, a foreign address and an unknown transport are refused with a remedy", async (sockets) => {
  const a = await open(sockets);
  const spec = { name: "second", address: "127.0.0.1", port: a.port, advertised: "127.0.0.1", transports: ["UDP" as const] };
  const user = { onMessage: () => {}, onGarbage: () => {} };
  const refusal = async (change: object): Promise<ListenerOpenError> => {
    try {
      const layer = await createTransportLayer({ listeners: [{ ...spec, ...change }], clock: new VirtualClock(), user, ...sockets });
      await layer.close();
    } catch (error) {
      assert.ok(error instanceof ListenerOpenError, String(error));
      return error;
    }
    assert.fail("it opened");
  };
  const taken = await refusal({});
  assert.equal(taken.code, "EADDRINUSE");
  assert.match(taken.message, /listener second: cannot open UDP 127\.0\.0\.1:\d+: EADDRINUSE: another program has this port/);
  assert.equal((await refusal({ transports: ["TCP"] })).code, "EADDRINUSE");
  assert.equal((await refusal({ address: "192.0.2.1", port: 0 })).code, "EADDRNOTAVAIL");
  assert.equal((await refusal({ transports: ["WSS"] })).code, "NO_TRANSPORT");
  assert.equal((await refusal({ address: "name.invalid", port: 0 })).listener, "second");
});

test("a listener with DSCP works the same, where foreign calls do", { skip: process.platform !== "linux" }, async () => {
  const a = await open({ spec: { dscp: 26 } });
  const b = await open();
  for (const transport of ["UDP", "TCP"] as const) {
    a.send(b.target(transport), requestWire({ transport }));
    assert.equal((await b.messages.next()).flow.transport, transport);
    b.send(a.target(transport), requestWire({ transport }));
    assert.equal((await a.messages.next()).flow.transport, transport);
  }
  a.send({ ...a.target("UDP"), port: await freePort() }, requestWire());
  assert.equal((await a.failures.next()).code, "ECONNREFUSED");
  await assert.rejects(openLoopback({ spec: { dscp: 26, port: a.port } }), { code: "EADDRINUSE" });
  await assert.rejects(openLoopback({ spec: { dscp: 26 }, foreignCalls: false }), { code: "NO_SOCKET_OPTIONS" });
});

test("a layer listens on IPv6 where the machine has it", async (context) => {
  let a: LoopbackLayer;
  try {
    a = await open({ address: "::1" });
  } catch {
    return context.skip("no ::1 here");
  }
  const b = await open({ address: "::1" });
  for (const transport of ["UDP", "TCP"] as const) {
    a.send(b.target(transport), requestWire({ transport, sentBy: `[::1]:${a.port}` }));
    const { message, flow } = await b.messages.next();
    assert.equal(flow.remoteAddress, "::1");
    b.respond(flow, okTo(message, flow));
    await a.messages.next();
  }
});

test("a closed layer holds no timer and fails what is sent", async () => {
  const clock = new VirtualClock();
  const a = await open({ clock });
  const b = await open();
  a.send(b.target("TCP"), requestWire({ transport: "TCP" }));
  await b.messages.next();
  await a.layer.close();
  assert.equal(clock.pending, 0);
  assert.equal(a.layer.counters.connections, 0);
  a.send(b.target("UDP"), requestWire());
  assert.equal((await a.failures.next()).code, "NO_LISTENER");
});
