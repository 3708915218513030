/** HTTP requests to the API by kept connections, with how long each took. For tests and benchmarks that ask often. */
import { Agent, request } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import type { TokenReport } from "#call/control.ts";
import type { RunningTandem } from "./lab.ts";

export interface ApiAnswer {
  /** 0: the connection broke, or there was none. */
  readonly status: number;
  readonly text: string;
  readonly ms: number;
}

export interface ApiClient {
  send(method: string, path: string, body?: object): Promise<ApiAnswer>;
  /** Never kept in memory. @returns lines and bytes of the answer */
  download(path: string): Promise<{ readonly status: number; readonly lines: number; readonly bytes: number; readonly ms: number }>;
  close(): void;
}

const ASKING_MS = 50;

/** @param timeoutMs until the API of a Tandem that was started, or started again, listens */
export async function apiOf(tandem: RunningTandem, timeoutMs = 20_000): Promise<ApiClient> {
  const untilMs = performance.now() + timeoutMs;
  for (;;) {
    const report = await tandem.ask<TokenReport>({ type: "token", role: "owner", tenant: undefined }).catch(() => undefined);
    if (report?.url !== undefined) return apiClient(report.url, report.token);
    if (performance.now() > untilMs) throw new Error(`no API within ${timeoutMs} ms: ${tandem.child.output().slice(-2_000)}`);
    await sleep(ASKING_MS);
  }
}

export function apiClient(url: string, token: string): ApiClient {
  const { hostname, port } = new URL(url);
  const agent = new Agent({ keepAlive: true });
  const common = { host: hostname, port, agent };
  return {
    send: (method, path, body) =>
      new Promise((resolve) => {
        const startedMs = performance.now();
        const done = (status: number, text: string): void => resolve({ status, text, ms: performance.now() - startedMs });
        const data = body === undefined ? undefined : JSON.stringify(body);
        const headers = {
          authorization: `Bearer ${token}`,
          ...(data === undefined ? {} : { "content-type": "application/json", "content-length": Buffer.byteLength(data) }),
        };
        const asked = request({ ...common, method, path, headers }, (answer) => {
          let text = "";
          answer.setEncoding("utf8");
          answer.on("data", (chunk: string) => (text += chunk));
          answer.on("end", () => done(answer.statusCode ?? 0, text));
          answer.on("error", (error) => done(0, String(error)));
        });
        asked.on("error", (error) => done(0, String(error)));
        asked.end(data);
      }),
    download: (path) =>
      new Promise((resolve, reject) => {
        const startedMs = performance.now();
        const asked = request({ ...common, path, headers: { authorization: `Bearer ${token}` } }, (answer) => {
          let [lines, bytes] = [0, 0];
          answer.on("data", (chunk: Buffer) => {
            bytes += chunk.length;
            for (const byte of chunk) if (byte === 10) lines++;
          });
          answer.on("end", () => resolve({ status: answer.statusCode ?? 0, lines, bytes, ms: performance.now() - startedMs }));
          answer.on("error", reject);
        });
        asked.on("error", reject);
        asked.end();
      }),
    close: () => agent.destroy(),
  };
}
