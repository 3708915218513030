import assert from "node:assert/strict";
import { request } from "node:http";
import { test } from "node:test";
import { apiAlone } from "../../test/kit/api-alone.ts";
import { storedHouse } from "../../test/kit/stored-house.ts";

test("two large bodies are read at a time; small ones, and one after them, are as always", async (t) => {
  const house = await storedHouse(t, "listeners: [{ name: public, address: 192.0.2.1 }]\n");
  const { url, tokenOf, ask } = await apiAlone(t, house.ports);
  const body = JSON.stringify({ text: `# ${"x".repeat(2 * 1024 * 1024)}` });
  const headers = { authorization: `Bearer ${tokenOf("operator")}`, "content-type": "application/json" };
  /** Sends half of it and waits. */
  const slow = () => {
    let answered!: (status: number) => void;
    const status = new Promise<number>((resolve) => (answered = resolve));
    const sent = request(`${url}/api/apply`, { method: "POST", headers: { ...headers, "content-length": body.length } }, (answer) => {
      answer.resume();
      answered(answer.statusCode ?? 0);
    });
    const begun = new Promise<void>((resolve) => sent.write(body.slice(0, 1_000), () => resolve()));
    return { begun, status, rest: () => sent.end(body.slice(1_000)) };
  };
  const first = [slow(), slow()];
  for (const { begun } of first) await begun;
  // The server has seen both heads when it answers somebody who came later.
  assert.equal((await ask("POST", "/api/apply", { text: "" })).status, 200);
  assert.equal((await ask("POST", "/api/apply", JSON.parse(body))).status, 429);
  for (const { rest } of first) rest();
  assert.deepEqual(await Promise.all(first.map(({ status }) => status)), [200, 200]);
  assert.equal((await ask("POST", "/api/apply", JSON.parse(body))).status, 200);
});
