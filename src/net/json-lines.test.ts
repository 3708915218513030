import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { spawnSync } from "node:child_process";
import { test, type TestContext } from "node:test";
import { type JsonLines, type JsonLinesUser, type JsonObject, LINE_BYTES_MAX, SocketError, connectJsonLines, serveJsonLines } from "./json-lines.ts";

function socketPath(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), "tandem-sock-"));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return join(dir, "control.sock");
}

/** Collects what came and lets a test await the next message or the end. */
function listener() {
  const messages: JsonObject[] = [];
  let wake = (): void => {};
  let closed: string | undefined;
  const user: JsonLinesUser = {
    onMessage: (message) => {
      messages.push(message);
      wake();
    },
    onClose: (reason) => {
      closed = reason;
      wake();
    },
  };
  const until = async (done: () => boolean): Promise<void> => {
    while (!done()) await new Promise<void>((resolve) => (wake = resolve));
  };
  return { user, messages, next: (count: number) => until(() => messages.length >= count), closed: async () => (await until(() => closed !== undefined), closed) };
}

const echo = (client: JsonLines): JsonLinesUser => ({ onMessage: (message) => void client.send({ echo: message }), onClose: () => {} });
const refusal = (code: SocketError["code"]) => (error: unknown) => error instanceof SocketError && error.code === code;

test("objects go both ways, split and joined as the stream likes", async (t) => {
  const path = socketPath(t);
  const server = await serveJsonLines(path, echo);
  assert.equal(statSync(path).mode & 0o777, 0o600);
  const client = listener();
  const lines = await connectJsonLines(path, client.user);
  for (let n = 0; n < 3; n++) assert.equal(lines.send({ n, text: "ä\n" }), true);
  await client.next(3);
  assert.deepEqual(client.messages[2], { echo: { n: 2, text: "ä\n" } });

  const raw = connect(path);
  await once(raw, "connect");
  for (const byte of Buffer.from('{"a":"ä"}\n{"b":2}\n')) raw.write(Buffer.of(byte));
  let text = "";
  while (!text.includes('"b"')) text += String((await once(raw, "data"))[0]);
  assert.equal(text, '{"echo":{"a":"ä"}}\n{"echo":{"b":2}}\n');
  raw.destroy();
  await server.close();
  assert.equal(await client.closed(), "");
  assert.equal(existsSync(path), false);
  assert.equal(lines.send({}), false);
});

test("a line that is no object or too long ends that connection alone", async (t) => {
  const path = socketPath(t);
  const server = await serveJsonLines(path, echo);
  for (const bad of ["nonsense\n", "[1]\n", "null\n", "x".repeat(LINE_BYTES_MAX + 1)]) {
    const raw = connect(path);
    raw.on("error", () => {});
    raw.write(bad);
    await once(raw, "close");
  }
  const client = listener();
  (await connectJsonLines(path, client.user)).send({ fine: true });
  await client.next(1);
  await server.close();
});

test("a slow reader is dropped and memory stays bounded", async (t) => {
  const path = socketPath(t);
  let slow: JsonLines | undefined;
  let reason: string | undefined;
  const server = await serveJsonLines(path, (client) => {
    slow = client;
    return { onMessage: () => {}, onClose: (why) => (reason = why) };
  });
  const raw = connect(path);
  await once(raw, "connect");
  raw.pause();
  raw.on("error", () => {});
  while (slow === undefined) await new Promise((resolve) => setImmediate(resolve));
  let sent = 0;
  while (slow.send({ text: "x".repeat(1 << 16) })) sent++;
  assert.ok(sent < 400, `${sent} lines`);
  while (reason === undefined) await new Promise((resolve) => setImmediate(resolve));
  assert.match(reason, /too slow/);
  raw.destroy();
  await server.close();
});

test("the socket of a dead process is replaced; a living one, a file and a long path are refused", async (t) => {
  const path = socketPath(t);
  // A child that listens and is gone without cleaning up.
  spawnSync(process.execPath, ["-e", `require("net").createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, "SIGKILL"))`]);
  assert.equal(existsSync(path), true);
  await assert.rejects(connectJsonLines(path, listener().user), refusal("NOT_RUNNING"));
  const server = await serveJsonLines(path, echo);
  await assert.rejects(serveJsonLines(path, echo), refusal("IN_USE"));
  const client = listener();
  (await connectJsonLines(path, client.user)).send({ still: "there" });
  await client.next(1);
  await server.close();
  await assert.rejects(connectJsonLines(path, listener().user), refusal("NOT_RUNNING"));
  writeFileSync(path, "precious");
  await assert.rejects(serveJsonLines(path, echo), refusal("NOT_A_SOCKET"));
  await assert.rejects(serveJsonLines(`/tmp/${"x".repeat(100)}`, echo), refusal("PATH_TOO_LONG"));
});
