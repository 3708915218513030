import assert from "node:assert/strict";
import { test } from "node:test";
import { readFrames } from "./frames.ts";

test("events that come in pieces are read once they are whole", () => {
  const text = 'id: a.1\nevent: call.started\ndata: {"x":1}\n\n: still here\n\nevent: call.ended\r\ndata: {}\r\n\r\nid: a.3\nev';
  for (let cut = 0; cut <= text.length; cut++) {
    const first = readFrames(text.slice(0, cut));
    const second = readFrames(first.rest + text.slice(cut));
    assert.deepEqual(
      [...first.frames, ...second.frames].map(({ id, event, data }) => [id, event, data]),
      [
        ["a.1", "call.started", '{"x":1}'],
        [undefined, "call.ended", "{}"],
      ],
      `cut at ${cut}`,
    );
    assert.equal(second.rest, "id: a.3\nev");
  }
});
