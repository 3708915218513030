/** A transport layer on real loopback sockets, with what came up kept in order and awaitable; no time is guessed. */
import { assert } from "#base/assert.ts";
import { systemClock, type Clock } from "#base/clock.ts";
import type { TandemEvent } from "#observe/event.ts";
import type { ReceivedMessage } from "#sip/message/message.ts";
import type { ListenerSpec } from "#sip/transport/listener.ts";
import { createTransportLayer, type OpenTransportLayer } from "#sip/transport/transport-layer.ts";
import type { TlsSource } from "#sip/transport/tls-terms.ts";
import type { Flow, Target, TransportFailure, TransportName } from "#sip/transport/transport.ts";

const PATIENCE_MS = 5_000;

/** Values that come one by one; `next` waits for the one that was not taken yet. */
export class Arrivals<T> {
  readonly #arrived: T[] = [];
  readonly #waiting: ((value: T) => void)[] = [];
  readonly #what: string;
  constructor(what: string) {
    this.#what = what;
  }
  put(value: T): void {
    const waiter = this.#waiting.shift();
    if (waiter === undefined) this.#arrived.push(value);
    else waiter(value);
  }
  get count(): number {
    return this.#arrived.length;
  }
  next(): Promise<T> {
    const arrived = this.#arrived.shift();
    if (arrived !== undefined) return Promise.resolve(arrived);
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const patience = setTimeout(() => reject(new Error(`no ${this.#what} within ${PATIENCE_MS} ms`)), PATIENCE_MS);
    this.#waiting.push((value) => {
      clearTimeout(patience);
      resolve(value);
    });
    return promise;
  }
}

export interface LoopbackLayer {
  readonly layer: OpenTransportLayer;
  readonly messages: Arrivals<{ readonly message: ReceivedMessage; readonly flow: Flow }>;
  readonly garbage: Arrivals<{ readonly reason: string; readonly flow: Flow }>;
  readonly failures: Arrivals<TransportFailure>;
  readonly events: TandemEvent[];
  readonly port: number;
  /** Where others reach it. */
  target(transport: TransportName): Target;
  send(to: Target, wire: string): void;
  respond(flow: Flow, wire: string): void;
}

export interface LoopbackOptions {
  readonly clock?: Clock;
  readonly address?: string;
  readonly transports?: readonly TransportName[];
  readonly onGarbage?: (flow: Flow) => void;
  readonly foreignCalls?: boolean;
  readonly spec?: Partial<ListenerSpec>;
  readonly tls?: TlsSource;
}

/** One listener named "loop" on a port that the kernel chose. */
export async function openLoopback(options: LoopbackOptions = {}): Promise<LoopbackLayer> {
  const { address = "127.0.0.1", transports = ["UDP", "TCP"], clock = systemClock } = options;
  const messages = new Arrivals<{ readonly message: ReceivedMessage; readonly flow: Flow }>("message");
  const garbage = new Arrivals<{ readonly reason: string; readonly flow: Flow }>("garbage");
  const failures = new Arrivals<TransportFailure>("failure");
  const events: TandemEvent[] = [];
  const layer = await createTransportLayer({
    listeners: [{ name: "loop", address, port: 0, advertised: address, transports, ...options.spec }],
    clock,
    foreignCalls: options.foreignCalls ?? true,
    tls: options.tls,
    publish: (event) => events.push(event),
    user: {
      onMessage: (message, flow) => messages.put({ message, flow }),
      onGarbage: (reason, _bytes, flow) => {
        garbage.put({ reason, flow });
        options.onGarbage?.(flow);
      },
    },
  });
  const port = layer.listener("loop")?.portOf(transports[0]!);
  assert(port !== undefined, "a listener that opened has a port");
  const failed = (failure: TransportFailure): void => failures.put(failure);
  return {
    layer,
    messages,
    garbage,
    failures,
    events,
    port,
    target: (transport) => ({ transport, listener: "loop", address, port }),
    send: (to, wire) => layer.send({ ...to, listener: "loop" }, wire, failed),
    respond: (flow, wire) => layer.respond(flow, wire, failed),
  };
}

export interface RequestParts {
  readonly method?: string;
  readonly branch?: string;
  /** Of the topmost Via, after the transport. */
  readonly sentBy?: string;
  readonly transport?: TransportName;
  /** "" without rport. */
  readonly rport?: string;
  readonly body?: string;
}

/** A whole request whose every header is right. */
export function requestWire(parts: RequestParts = {}): string {
  const { method = "OPTIONS", branch = "z9hG4bK1", sentBy = "127.0.0.1:5060", transport = "UDP", rport = ";rport", body = "" } = parts;
  return [
    `${method} sip:switch@127.0.0.1 SIP/2.0`,
    `Via: SIP/2.0/${transport} ${sentBy};branch=${branch}${rport}`,
    "Max-Forwards: 70",
    "From: <sip:carrier@127.0.0.1>;tag=a",
    "To: <sip:switch@127.0.0.1>",
    "Call-ID: loop@127.0.0.1",
    `CSeq: 1 ${method}`,
    `Content-Length: ${body.length}`,
    "",
    body,
  ].join("\r\n");
}
