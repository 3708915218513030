/**
 * Speaks to a baresip's ctrl_tcp port from wherever that baresip is, which may be another network
 * namespace: commands come as lines of JSON on stdin, its answers and events leave as such on stdout.
 *
 *     baresip-control.ts ADDRESS PORT
 *
 * On the wire each JSON text is a netstring: its length in bytes, ":", the text, ",".
 */
import { connect, type Socket } from "node:net";
import { createInterface } from "node:readline";

const [, , address = "127.0.0.1", port = "4444"] = process.argv;
const RETRY_MS = 100;
const RETRIES = 100;

function open(triesLeft: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: address, port: Number(port) }, () => resolve(socket));
    socket.once("error", (error) => {
      if (triesLeft === 0) reject(error);
      else setTimeout(() => open(triesLeft - 1).then(resolve, reject), RETRY_MS);
    });
  });
}

const socket = await open(RETRIES);
process.stdout.write('{"control":"open"}\n');
let received = Buffer.alloc(0);
socket.on("data", (chunk) => {
  received = Buffer.concat([received, chunk]);
  for (;;) {
    const colon = received.indexOf(":");
    const bytes = colon < 0 ? Number.NaN : Number(received.toString("latin1", 0, colon));
    if (!Number.isInteger(bytes) || received.length < colon + bytes + 2) return;
    process.stdout.write(`${received.toString("utf8", colon + 1, colon + 1 + bytes)}\n`);
    received = received.subarray(colon + bytes + 2);
  }
});
socket.on("error", () => process.exit(1));
socket.on("close", () => process.exit(0));
createInterface({ input: process.stdin }).on("line", (line) => socket.write(`${Buffer.byteLength(line)}:${line},`));
process.stdin.on("end", () => process.exit(0));
