/**
 * A registrar over UDP that says what its script tells it to, and remembers what it was asked. It checks digest
 * answers by the arithmetic of RFC 7616, and does nothing else by itself.
 */
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { digestResponse } from "#sip/auth/algorithms.ts";
import { parseCredentials } from "#sip/auth/parse-digest.ts";
import type { ReceivedRequest } from "#sip/message/message.ts";
import { parseMessage } from "#sip/message/parse-message.ts";

export interface Asked {
  readonly request: ReceivedRequest;
  readonly atMs: number;
  /** The algorithm of credentials that are right for one of these passwords; undefined: none, or wrong. */
  provedWith(...passwords: readonly string[]): string | undefined;
}
/** Status and header lines; bytes as they are; undefined: silence. */
export type Reply = readonly [status: number, ...headers: readonly string[]] | string | undefined;

export interface FakeRegistrar {
  readonly asked: readonly Asked[];
  /** Until so many different requests came. */
  until(count: number, timeoutMs?: number): Promise<void>;
  close(): Promise<void>;
}

/** @param script is asked once for each request, not for its retransmissions */
export async function fakeRegistrar(address: string, port: number, script: (asked: Asked, index: number) => Reply): Promise<FakeRegistrar> {
  const socket = createSocket("udp4");
  const asked: Asked[] = [];
  const replies = new Map<string, Reply>();
  const watchers = new Set<() => void>();
  socket.on("message", (bytes, peer) => {
    const read = parseMessage(bytes.toString("latin1"));
    if (!read.ok || read.value.kind !== "request") return;
    const request = read.value;
    const via = request.header("Via") ?? "";
    if (!replies.has(via)) {
      const one: Asked = { request, atMs: performance.now(), provedWith: (...passwords) => proved(request, passwords) };
      asked.push(one);
      replies.set(via, script(one, asked.length - 1));
      for (const look of watchers) look();
    }
    const reply = replies.get(via);
    if (reply !== undefined)
      socket.send(Buffer.from(typeof reply === "string" ? reply : written(request, reply), "latin1"), peer.port, peer.address);
  });
  socket.bind(port, address);
  await once(socket, "listening");
  return {
    asked,
    async until(count, timeoutMs = 20_000) {
      const untilMs = performance.now() + timeoutMs;
      while (asked.length < count) {
        const leftMs = untilMs - performance.now();
        if (leftMs <= 0) throw new Error(`${address}: ${asked.length} requests instead of ${count}`);
        await new Promise<void>((resolve) => {
          const timer = setTimeout(done, leftMs);
          function done(): void {
            clearTimeout(timer);
            watchers.delete(done);
            resolve();
          }
          watchers.add(done);
        });
      }
    },
    close: async () => {
      socket.close();
      await once(socket, "close");
    },
  };
}

function proved(request: ReceivedRequest, passwords: readonly string[]): string | undefined {
  const read = parseCredentials(request.header("Authorization") ?? "");
  if (read === undefined || !read.ok) return undefined;
  const right = passwords.some(
    (password) => digestResponse({ ...read.value, password, method: request.method, body: "" }) === read.value.response,
  );
  return right ? read.value.algorithm : undefined;
}

function written(request: ReceivedRequest, [status, ...headers]: Exclude<Reply, string | undefined>): string {
  const copied = ["Via", "From", "To", "Call-ID", "CSeq"].map(
    (name) => `${name}: ${request.header(name)}${name === "To" ? ";tag=fake" : ""}`,
  );
  return [`SIP/2.0 ${status} Fake`, ...copied, ...headers, "Content-Length: 0", "", ""].join("\r\n");
}
