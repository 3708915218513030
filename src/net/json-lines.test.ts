import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { type JsonLinesServerOptions, connectJsonLines, serveJsonLines } from "./json-lines.ts";

function socketPath(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), "tandem-sock-"));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return join(dir, "control.sock");
}

/** Answers with what it was asked; a follower gets what `tell` is called with until it stops. */
function echo(path: string) {
  const followers = new Set<(event: unknown) => void>();
  const options: JsonLinesServerOptions = {
    path,
    onRequest: (command) => Promise.resolve({ ok: true, value: command }),
    onFollow: (_, tell) => {
      followers.add(tell);
      return () => followers.delete(tell);
    },
  };
  return { options, followers };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("questions are answered and events followed, on a socket for its owner only", async (t) => {
  const path = socketPath(t);
  const { options, followers } = echo(path);
  const server = await serveJsonLines(options);
  assert.equal(statSync(path).mode & 0o777, 0o600);
  const client = await connectJsonLines(path);
  const answers = await Promise.all([client.ask({ n: 1, text: "ä\n" }), client.ask({ n: 2 })]);
  assert.deepEqual(answers, [
    { ok: true, value: { n: 1, text: "ä\n" } },
    { ok: true, value: { n: 2 } },
  ]);
  const seen: unknown[] = [];
  const followed = client.follow({ all: true }, (event) => seen.push(event));
  while (followers.size === 0) await turn();
  for (const tell of followers) tell({ step: 1 });
  while (seen.length === 0) await turn();
  assert.deepEqual(seen, [{ step: 1 }]);
  followed.stop();
  await followed.done;
  while (followers.size > 0) await turn();
  const last = await connectJsonLines(path);
  server.close();
  assert.equal((await last.ask({})).ok, false);
});

test("a line split at every byte and two lines in one piece are read alike; answers above the backlog arrive", async (t) => {
  const path = socketPath(t);
  const server = await serveJsonLines(echo(path).options);
  const raw = connect(path);
  await once(raw, "connect");
  for (const byte of Buffer.from('{"id":1,"command":"ä"}\n')) raw.write(Buffer.of(byte));
  raw.write('{"id":2}\n{"id":3,"command":null}\n');
  let text = "";
  while (!text.includes('"id":3')) text += String((await once(raw, "data"))[0]);
  assert.match(text, /^\{"id":1,"outcome":\{"ok":true,"value":"ä"\}\}\n/);
  raw.destroy();
  const large = "x".repeat(900_000);
  const client = await connectJsonLines(path);
  for (const answer of await Promise.all(Array.from({ length: 4 }, () => client.ask({ large }))))
    assert.deepEqual(answer, { ok: true, value: { large } });
  server.close();
});

test("a line that is no JSON object or too long ends that connection alone", async (t) => {
  const path = socketPath(t);
  const server = await serveJsonLines(echo(path).options);
  for (const bad of ["nonsense\n", "null\n", "7\n", "x".repeat((1 << 20) + 1), `"${"x".repeat(1 << 20)}"\n`]) {
    const raw = connect(path);
    raw.on("error", () => {});
    raw.write(bad);
    await once(raw, "close");
  }
  const client = await connectJsonLines(path);
  assert.equal((await client.ask({})).ok, true);
  server.close();
});

test("a follower that does not read is cut off, and what waits for it stays bounded", async (t) => {
  const path = socketPath(t);
  const { options, followers } = echo(path);
  const server = await serveJsonLines(options);
  const raw = connect(path);
  raw.on("error", () => {});
  raw.pause();
  raw.write('{"id":1,"command":{},"follow":true}\n');
  while (followers.size === 0) await turn();
  let told = 0;
  for (; followers.size > 0; told++) {
    for (const tell of followers) tell({ text: "x".repeat(1 << 16) });
    await turn();
  }
  assert.ok(told < 200, `${told} events of 64 kB`);
  raw.destroy();
  server.close();
});

test("the socket of a dead process is replaced; a living one, a file and a long path are refused", async (t) => {
  const path = socketPath(t);
  const { options } = echo(path);
  // A child that listens and is gone without cleaning up.
  const child = `require("net").createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, "SIGKILL"))`;
  spawnSync(process.execPath, ["-e", child]);
  assert.equal(existsSync(path), true);
  await assert.rejects(connectJsonLines(path));
  const server = await serveJsonLines(options);
  await assert.rejects(serveJsonLines(options), /runs already/);
  assert.equal((await (await connectJsonLines(path)).ask({})).ok, true);
  server.close();
  await turn();
  rmSync(path, { force: true });
  writeFileSync(path, "precious");
  await assert.rejects(serveJsonLines(options), /no socket/);
  assert.equal(readFileSync(path, "utf8"), "precious");
  await assert.rejects(serveJsonLines({ ...options, path: `/tmp/${"x".repeat(100)}` }), /105 bytes/);
});
