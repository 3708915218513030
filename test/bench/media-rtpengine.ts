/**
 * rtpengine as the relay under test: userspace only, one worker, calls set up over its ng protocol
 * (a cookie, then bencode, over UDP). Only what the bench needs of it; not an engine.
 */
import { spawn, spawnSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

type Bencoded = number | string | readonly Bencoded[] | { readonly [key: string]: Bencoded };

function bencode(value: Bencoded): string {
  if (typeof value === "number") return `i${value}e`;
  if (typeof value === "string") return `${value.length}:${value}`;
  if (Array.isArray(value)) return `l${value.map(bencode).join("")}e`;
  return `d${Object.entries(value)
    .map(([key, each]) => bencode(key) + bencode(each as Bencoded))
    .join("")}e`;
}

/** Of an answer only the text values of the outer dictionary matter. */
function bdecode(text: string): ReadonlyMap<string, string> {
  let at = 0;
  function next(): string | undefined {
    const kind = text[at];
    if (kind === "i") {
      at = text.indexOf("e", at) + 1;
      return undefined;
    }
    if (kind === "d" || kind === "l") {
      at++;
      while (at < text.length && text[at] !== "e") next();
      at++;
      return undefined;
    }
    const colon = text.indexOf(":", at);
    const length = Number(text.slice(at, colon));
    at = colon + 1 + length;
    return text.slice(colon + 1, at);
  }
  const entries = new Map<string, string>();
  at = 1;
  while (at < text.length && text[at] !== "e") {
    const key = next();
    const value = next();
    if (key !== undefined && value !== undefined) entries.set(key, value);
  }
  return entries;
}

export const rtpengineVersion = (): string | undefined => {
  const tried = spawnSync("rtpengine", ["--version"], { encoding: "utf8" });
  return tried.error === undefined ? /\d+(\.\d+)+/.exec(tried.stdout + tried.stderr)?.[0] : undefined;
};

export interface RelayUnderTest {
  readonly pid: number;
  /** "addressA portA addressB portB" a call. */
  readonly map: readonly string[];
  stop(): Promise<void>;
}

export interface Ends {
  /** The relay's two addresses. */
  readonly a: string;
  readonly b: string;
  /** The generator's. */
  readonly peerA: string;
  readonly peerB: string;
  readonly peerPort: number;
}

export async function startRtpengine(ends: Ends, calls: number, prefix: readonly string[]): Promise<RelayUnderTest> {
  const folder = mkdtempSync(join(tmpdir(), "bench-rtpengine-"));
  const ngPort = 2223;
  const [command, ...args] = [
    ...prefix,
    "rtpengine",
    "--foreground",
    "--table=-1",
    `--interface=pub/${ends.a}`,
    `--interface=priv/${ends.b}`,
    `--listen-ng=${ends.a}:${ngPort}`,
    "--port-min=10000",
    "--port-max=60000",
    "--num-threads=1",
    "--log-level=3",
    "--log-stderr",
    `--pidfile=${join(folder, "pid")}`,
    "--delete-delay=0",
    "--timeout=600",
    "--no-fallback",
  ];
  const child = spawn(command!, args, { stdio: ["ignore", "ignore", "pipe"] });
  let complaint = "";
  child.stderr.on("data", (text) => {
    complaint = (complaint + String(text)).slice(-2_000);
  });
  const socket = createSocket("udp4");
  const waiting = new Map<string, (answer: ReadonlyMap<string, string>) => void>();
  socket.on("message", (message) => {
    const text = message.latin1Slice();
    const space = text.indexOf(" ");
    waiting.get(text.slice(0, space))?.(bdecode(text.slice(space + 1)));
  });
  let cookies = 0;
  const ask = async (request: Bencoded): Promise<ReadonlyMap<string, string>> => {
    const cookie = `c${process.pid}-${cookies++}`;
    const packet = Buffer.from(`${cookie} ${bencode(request)}`, "latin1");
    for (let tries = 0; tries < 20; tries++) {
      const answer = await new Promise<ReadonlyMap<string, string> | undefined>((resolve) => {
        waiting.set(cookie, resolve);
        socket.send(packet, ngPort, ends.a);
        setTimeout(() => resolve(undefined), 300);
      });
      waiting.delete(cookie);
      if (answer !== undefined) return answer;
    }
    child.kill();
    throw new Error(`rtpengine does not answer: ${complaint}`);
  };
  const sdp = (address: string): string =>
    `v=0\r\no=- 1 1 IN IP4 ${address}\r\ns=-\r\nc=IN IP4 ${address}\r\nt=0 0\r\nm=audio ${ends.peerPort} RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\na=sendrecv\r\n`;
  const placeOf = (answer: ReadonlyMap<string, string>): string => {
    const text = answer.get("sdp") ?? "";
    const address = /^c=IN IP4 (\S+)/m.exec(text)?.[1];
    const port = /^m=audio (\d+)/m.exec(text)?.[1];
    if (answer.get("result") !== "ok" || address === undefined || port === undefined)
      throw new Error(`rtpengine: ${answer.get("error-reason") ?? "no SDP"}`);
    return `${address} ${port}`;
  };
  const same = { ICE: "remove", replace: ["origin", "session-connection"] };
  await ask({ command: "ping" });
  const map: string[] = [];
  for (let i = 0; i < calls; i++) {
    const call = { "call-id": `bench-${process.pid}-${i}`, "from-tag": "a", ...same };
    const offered = await ask({ command: "offer", ...call, sdp: sdp(ends.peerA), direction: ["pub", "priv"], "rtcp-mux": ["demux"] });
    const answered = await ask({ command: "answer", ...call, "to-tag": "b", sdp: sdp(ends.peerB) });
    // The caller talks to what the answer names, the callee to what the offer named.
    map.push(`${placeOf(answered)} ${placeOf(offered)}`);
  }
  socket.close();
  return {
    pid: child.pid!,
    map,
    stop: async () => {
      const died = once(child, "exit");
      child.kill();
      await died;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
