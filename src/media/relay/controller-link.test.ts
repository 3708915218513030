import assert from "node:assert/strict";
import { test } from "node:test";
import { FrameReader, encodeFrame } from "#media/embedded/frames.ts";
import { type Message, PROTOCOL_VERSION } from "#media/embedded/protocol.ts";
import type { ControlStream } from "./control-stream.ts";
import { ControllerLink } from "./controller-link.ts";
import type { Relay } from "./relay.ts";

class FakeStream implements ControlStream {
  readonly written: Uint8Array[] = [];
  backlogBytes = 0;
  closed = false;
  write(bytes: Uint8Array): void {
    this.written.push(bytes);
  }
  close(): void {
    this.closed = true;
  }
  get messages(): Message[] {
    const frames = new FrameReader(1 << 20).push(Buffer.concat(this.written));
    assert.ok(frames.ok);
    return frames.values as Message[];
  }
}

function linked() {
  const commands: string[] = [];
  const relay = {
    controlled: false,
    setPools: () => commands.push("pools"),
    takeBack: () => {},
    commit: () => commands.push("commit"),
    release: (id: string) => (commands.push(`release ${id}`), undefined),
  };
  const link = new ControllerLink({
    hello: () => ({ type: "hello", version: PROTOCOL_VERSION, bootId: "b", pid: 1, sockets: "koffi", socketsMax: 9, sessions: [] }),
    settle: () => link.flush(),
    coalesce: (maxUs) => void commands.push(`coalesce ${maxUs}`),
  });
  link.attach(relay as unknown as Relay);
  const stream = new FakeStream();
  link.opened(stream);
  return { link, relay, stream, commands };
}

test("a controller is greeted, commanded by, and answered in one write per batch", () => {
  const { link, relay, stream, commands } = linked();
  assert.equal(stream.messages[0]!.type, "hello");
  assert.equal(relay.controlled, true);
  link.received(
    stream,
    Buffer.concat([
      encodeFrame({ op: "pools", pools: [], coalesceUs: 500 }),
      encodeFrame({ op: "release", id: 1, session: "x" }),
      encodeFrame({ op: "release", id: 2, session: "y" }),
    ]),
  );
  assert.deepEqual(commands, ["pools", "coalesce 500", "release x", "release y"]);
  assert.equal(stream.written.length, 2);
  assert.deepEqual(stream.messages.slice(1), [
    { type: "stats", id: 1, stats: null },
    { type: "stats", id: 2, stats: null },
  ]);
});

test("a newer controller replaces the older one, whose late end changes nothing", () => {
  const { link, relay, stream } = linked();
  const newer = new FakeStream();
  link.opened(newer);
  assert.ok(stream.closed);
  link.closed(stream);
  assert.equal(relay.controlled, true);
  link.closed(newer);
  assert.equal(relay.controlled, false);
});

test("a frame that is too long, no JSON or no command ends the connection", () => {
  for (const bytes of [
    Buffer.from([0xff, 0xff, 0xff, 0xff]),
    Buffer.from([0, 0, 0, 1, 0x7b]),
    encodeFrame({ op: "dance" }),
    encodeFrame([1]),
    encodeFrame({ op: "prepare", id: 1, session: "", sides: [] }),
    encodeFrame({ op: "commit", commit: { session: "s", remotes: { a: 7 } } }),
  ]) {
    const { link, relay, stream } = linked();
    link.received(stream, bytes);
    assert.ok(stream.closed);
    assert.equal(relay.controlled, false);
  }
});

test("a controller that does not read loses events first, then its connection", () => {
  const { link, stream } = linked();
  stream.backlogBytes = 5 << 20;
  link.event({ type: "gone", session: "s", reason: "x" });
  assert.equal(link.eventsDropped, 1);
  stream.backlogBytes = 40 << 20;
  link.received(stream, encodeFrame({ op: "release", id: 1, session: "x" }));
  assert.ok(stream.closed);
});
