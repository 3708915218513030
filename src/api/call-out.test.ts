import assert from "node:assert/strict";
import { type RequestListener, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type TestContext, test } from "node:test";
import { createCallOut } from "./call-out.ts";
import { isPublicAddress, urlProblem } from "./private-address.ts";

async function server(t: TestContext, listener: RequestListener): Promise<string> {
  const made = createServer(listener);
  await new Promise<void>((resolve) => made.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    made.closeAllConnections();
    made.close();
  });
  return `http://127.0.0.1:${(made.address() as AddressInfo).port}`;
}
const post = (url: string) => ({ method: "POST", url, headers: { "content-type": "application/json" }, body: "{}" }) as const;

test("only addresses of the internet are public", () => {
  for (const address of ["8.8.8.8", "1.1.1.1", "172.32.0.1", "2606:4700::1111", "2a00:1450:4001::1"])
    assert.equal(isPublicAddress(address), true, address);
  for (const address of [
    "127.0.0.1",
    "127.8.8.8",
    "10.1.2.3",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",
    "224.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::ffff:127.0.0.1",
    "::ffff:8.8.8.8",
    "::127.0.0.1",
    "64:ff9b::7f00:1",
    "2002:7f00:1::",
    "2001:0:1::1",
    "fe80::1",
    "fe80::1%eth0",
    "fc00::1",
    "fd12::1",
    "ff02::1",
    "2001:db8::1",
    "nonsense",
  ])
    assert.equal(isPublicAddress(address), false, address);
});

test("a URL is refused that names a private address in any spelling, another protocol or a password", () => {
  for (const url of [
    "http://127.0.0.1/",
    "http://127.1/",
    "http://2130706433/",
    "http://0x7f.0.0.1/",
    "http://[::1]/",
    "http://[::ffff:10.0.0.1]/",
    "ftp://example.com/",
    "file:///etc/passwd",
    "https://user:pw@example.com/",
    "nonsense",
    "",
  ])
    assert.notEqual(urlProblem(url, false), undefined, url);
  assert.equal(urlProblem("https://example.com/hook?x=1", false), undefined);
  assert.equal(urlProblem("http://127.0.0.1:8000/", true), undefined);
});

test("a name is judged by all its addresses when it is called, and the call goes to those that were judged", async (t) => {
  let asked = 0;
  const url = await server(t, (_, response) => {
    asked++;
    response.end();
  });
  const { port } = new URL(url);
  const names: Record<string, readonly { readonly address: string; readonly family: number }[]> = {
    "rebound.example": [{ address: "127.0.0.1", family: 4 }],
    "mixed.example": [
      { address: "192.0.2.200", family: 4 },
      { address: "127.0.0.1", family: 4 },
    ],
  };
  const lookup = ((host: string, _: unknown, done: (error: Error | null, found: unknown) => void) =>
    done(null, names[host] ?? [])) as unknown as NonNullable<Parameters<typeof createCallOut>[0]["lookup"]>;
  const strict = createCallOut({ allowPrivate: false, lookup });
  const open = createCallOut({ allowPrivate: true, lookup });
  t.after(() => [strict.close(), open.close()]);
  for (const host of Object.keys(names)) {
    const refused = await strict(post(`http://${host}:${port}/`));
    assert.deepEqual([refused.status, /private network.*allow_private/.test(refused.problem)], [0, true], refused.problem);
  }
  assert.equal(asked, 0);
  assert.equal((await open(post(`http://rebound.example:${port}/`))).status, 200);
  assert.equal(asked, 1);
});

test("redirects are not followed, silence ends, and an endless answer is not listened to", async (t) => {
  let followed = 0;
  const url = await server(t, (request, response) => {
    if (request.url === "/silent") return;
    if (request.url === "/target") followed++;
    if (request.url === "/endless") {
      response.writeHead(200);
      const timer = setInterval(() => response.write("x".repeat(60_000)), 1);
      response.on("close", () => clearInterval(timer));
      return;
    }
    response.writeHead(302, { location: "/target" }).end();
  });
  const callOut = createCallOut({ allowPrivate: true, timeoutMs: 100 });
  t.after(() => callOut.close());
  assert.deepEqual(await callOut(post(`${url}/`)), { status: 302, problem: "redirects are not followed" });
  assert.equal(followed, 0);
  assert.deepEqual(await callOut(post(`${url}/silent`)), { status: 0, problem: "no answer within 100 ms" });
  assert.equal((await callOut(post(`${url}/endless`))).status, 200);
  assert.match((await callOut(post("http://127.0.0.1:1/"))).problem, /ECONNREFUSED/);
});
