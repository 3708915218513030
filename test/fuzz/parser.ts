/**
 * Mutated messages through everything that reads bytes of others: parser, every accessor, checks, serializer,
 * stream framer, SDP. Nothing may throw, and memory must stay bounded.
 *
 *     parser.ts [--count N] [--seconds S] [--seed N]
 *
 * Ends with 1 and the message (base64) when something threw, a property broke or the heap passed its bound.
 */
import assert from "node:assert/strict";
import { parseArgs } from "node:util";
import { seededRandom } from "#base/random.ts";
import { codecsOf, harmlessFmtp } from "#sdp/codecs.ts";
import { sameMedia } from "#sdp/same-media.ts";
import { parseSdp } from "#sdp/parse-sdp.ts";
import { relayDescription } from "#sdp/relay-description.ts";
import { remoteMediaOf } from "#sdp/remote-media.ts";
import { writeSdp } from "#sdp/write-sdp.ts";
import { answerable } from "#sip/message/answerable.ts";
import { buildResponse } from "#sip/message/build-response.ts";
import { checkRequest, checkResponse } from "#sip/message/check-request.ts";
import { type Framed, StreamFramer } from "#sip/message/frame-stream.ts";
import type { ReceivedCommon, ReceivedMessage } from "#sip/message/message.ts";
import { parseMessage } from "#sip/message/parse-message.ts";
import { writeNameAddr } from "#sip/message/parse-name-addr.ts";
import { parseUri, writeUri } from "#sip/message/parse-uri.ts";
import { writeVia } from "#sip/message/parse-via.ts";
import { q850CauseOf } from "#sip/message/reason.ts";
import { serializeRequest, serializeResponse, toOutgoing } from "#sip/message/serialize.ts";
import { mutate } from "./mutate.ts";
import { loadSeeds } from "./seeds.ts";

const HEAP_BYTES_MAX = 256 * 2 ** 20;
const PROGRESS_MESSAGES = 1_000_000;
const CHECK_MESSAGES = 20_000;
const RECEIVED = { address: "192.0.2.9", rport: 5060 };

interface Tally {
  messages: number;
  parsed: number;
  accepted: number;
  answered: number;
  descriptions: number;
  framed: number;
  broken: number;
}

function readMessage(wire: string, tally: Tally): void {
  const read = parseMessage(wire);
  if (!read.ok) {
    const rest = answerable(wire);
    if (rest === undefined) return;
    tally.answered++;
    serializeResponse(buildResponse(rest, 400, undefined, { toTag: "t", received: RECEIVED }));
    return;
  }
  tally.parsed++;
  readValues(read.value);
  serializeAgain(read.value);
  if (read.value.kind === "response") {
    if (checkResponse(read.value)) tally.accepted++;
  } else {
    const refusal = checkRequest(read.value);
    read.value.uri();
    const response = serializeResponse(buildResponse(read.value, refusal?.status ?? 180, undefined, { toTag: "t", received: RECEIVED }));
    assert.ok(parseMessage(response).ok, "a response of ours must be a message");
    if (refusal === undefined) tally.accepted++;
  }
}

function readValues(message: ReceivedCommon): void {
  const vias = message.vias();
  if (vias.ok) for (const via of vias.value) writeVia(via);
  message.topVia();
  for (const one of [message.from(), message.to(), message.contact()]) {
    if (!one.ok || typeof one.value !== "object") continue;
    writeNameAddr(one.value);
    const again = parseUri(writeUri(one.value.uri));
    assert.ok(again.ok, "a URI that was read must be written so that it can be read");
  }
  message.fromTag();
  message.toTag();
  message.callId();
  message.cseq();
  message.contacts();
  message.routes();
  message.recordRoutes();
  message.maxForwards();
  message.contentLength();
  message.contentType();
  message.headerValues("Allow");
  message.headerLines("X-Unknown");
  q850CauseOf(message);
}

function serializeAgain(message: ReceivedMessage): void {
  const once = toOutgoing(message);
  const wire = "method" in once ? serializeRequest(once) : serializeResponse(once);
  const again = parseMessage(wire);
  if (!again.ok) {
    // A message without Content-Length may stand at a bound of length or of fields; the header that is added passes it.
    assert.match(again.reason, /longer|more than 200/);
    return;
  }
  assert.equal(again.value.fields().length, once.headers.length + 1, "no header may appear or vanish");
  assert.equal(again.value.body, once.body);
}

function readDescription(text: string, tally: Tally): void {
  const read = parseSdp(text);
  if (!read.ok) return;
  tally.descriptions++;
  const again = parseSdp(writeSdp(read.value));
  assert.ok(again.ok && sameMedia(read.value, again.value), "a description must survive writing");
  read.value.media.forEach((media, index) => {
    for (const codec of codecsOf(media)) harmlessFmtp(codec);
    remoteMediaOf(read.value, index);
  });
  const relayed = relayDescription({
    received: read.value,
    origin: { sessionId: "1", sessionVersion: "1", address: "192.0.2.1" },
    local: { address: "192.0.2.1", port: 4000, rtcpPort: 4001 },
    rtcpMux: false,
    role: "offer",
  });
  if (relayed.ok) assert.ok(parseSdp(writeSdp(relayed.value)).ok);
}

/** The same stream whole and in two pieces must give the same. */
function frame(wire: string, split: number, tally: Tally): void {
  const bytes = Buffer.from(wire, "latin1");
  const framer = new StreamFramer();
  const whole = framer.push(bytes);
  const halves = new StreamFramer();
  const pieces: Framed[] = [...halves.push(bytes.subarray(0, split)), ...halves.push(bytes.subarray(split))];
  assert.equal(pieces.length, whole.length, "framing must not depend on the split");
  for (const [i, one] of whole.entries()) {
    tally.framed++;
    if (one.type === "broken") tally.broken++;
    const other = pieces[i]!;
    assert.equal(other.type, one.type);
    if (one.type === "message" && other.type === "message") assert.equal(other.wire, one.wire);
  }
}

function main(): number {
  const { values } = parseArgs({ options: { count: { type: "string" }, seconds: { type: "string" }, seed: { type: "string" } } });
  const seconds = values.seconds === undefined ? Number.POSITIVE_INFINITY : Number(values.seconds);
  const count = values.count === undefined ? (values.seconds === undefined ? 1_000_000 : Number.POSITIVE_INFINITY) : Number(values.count);
  const seed = values.seed === undefined ? Date.now() % 2 ** 31 : Number(values.seed);
  const random = seededRandom(seed);
  const seeds = loadSeeds();
  const tally: Tally = { messages: 0, parsed: 0, accepted: 0, answered: 0, descriptions: 0, framed: 0, broken: 0 };
  console.log(`seed ${seed}, ${seeds.length} messages to start from`);
  const startMs = performance.now();
  let heapMax = 0;
  let wire = "";
  try {
    while (tally.messages < count) {
      wire = mutate(random, seeds);
      readMessage(wire, tally);
      const body = wire.indexOf("\r\n\r\n");
      readDescription(body < 0 ? wire : wire.slice(body + 4), tally);
      if (tally.messages % 4 === 0) frame(wire, random.integer(wire.length + 1), tally);
      tally.messages++;
      if (tally.messages % CHECK_MESSAGES !== 0) continue;
      heapMax = Math.max(heapMax, process.memoryUsage().heapUsed);
      const elapsedMs = performance.now() - startMs;
      if (tally.messages % PROGRESS_MESSAGES === 0)
        console.log(`${tally.messages} messages, ${perSecond(tally, elapsedMs)}/s, heap at most ${heapMax >> 20} MB`);
      if (heapMax > HEAP_BYTES_MAX) throw new Error("heap above its bound");
      if (elapsedMs > seconds * 1000) break;
    }
  } catch (error) {
    console.error(error);
    console.error(`seed ${seed}, message ${tally.messages}: ${Buffer.from(wire, "latin1").toString("base64")}`);
    return 1;
  }
  const elapsedMs = performance.now() - startMs;
  console.log(
    JSON.stringify({
      ok: true,
      seed,
      ...tally,
      perSecond: perSecond(tally, elapsedMs),
      heapMaxBytes: Math.max(heapMax, process.memoryUsage().heapUsed),
    }),
  );
  return 0;
}

const perSecond = (tally: Tally, elapsedMs: number): number => Math.round((tally.messages * 1000) / elapsedMs);

process.exitCode = main();
