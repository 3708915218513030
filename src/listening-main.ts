/** SIP on the wire: the listeners of the configuration, and what goes out by them without a transaction. */
import type { Clock } from "#base/clock.ts";
import type { CallPorts } from "#call/ports.ts";
import { descriptorLimit } from "#net/descriptor-limit.ts";
import type { Publish } from "#observe/event.ts";
import type { DscpMarks } from "#routing/dscp.ts";
import type { Snapshot } from "#routing/snapshot.ts";
import { buildResponse } from "#sip/message/build-response.ts";
import { parseMessage } from "#sip/message/parse-message.ts";
import { serializeResponse } from "#sip/message/serialize.ts";
import { T1_MS } from "#sip/transaction/transactions.ts";
import type { CertificateShelf } from "#sip/transport/certificate-shelf.ts";
import { ListenerOpenError } from "#sip/transport/listener.ts";
import type { TransportLayer, TransportUser } from "#sip/transport/transport.ts";
import { type OpenTransportLayer, createTransportLayer } from "#sip/transport/transport-layer.ts";
import { EXIT_CONFIGURATION } from "./loading-main.ts";

/** Kept for files, the store, the control socket and UDP; strangers' TCP connections get half of what is left. */
const RESERVED_DESCRIPTORS = 128;
const CONNECTIONS_MIN = 16;
/** A 500 to a caller of the former process is said again, as no transaction repeats it. */
const RAW_REPEATS_MS = [0, T1_MS, 3 * T1_MS, 7 * T1_MS];

export interface ListeningHouse {
  readonly clock: Clock;
  readonly publish: Publish;
  readonly shelf: CertificateShelf;
  readonly marks: DscpMarks;
  readonly user: TransportUser;
}

/** One that can't be opened ends the process: starting again cannot help. */
export async function openListeners(
  { listeners }: Snapshot,
  { clock, publish, shelf, marks, user }: ListeningHouse,
): Promise<OpenTransportLayer> {
  try {
    return await createTransportLayer({
      tls: shelf,
      dscpOf: (listener, address) => marks.of(listener, address),
      listeners: [...listeners.values()].map(({ name, address, port, advertised, transports, tls, device, dscp }) => ({
        name,
        address,
        port,
        advertised,
        transports,
        tlsPort: tls?.port,
        device,
        dscp,
      })),
      clock,
      publish,
      connectionsMax: Math.max(CONNECTIONS_MIN, Math.floor((descriptorLimit() - RESERVED_DESCRIPTORS) / 2)),
      user,
    });
  } catch (error) {
    if (!(error instanceof ListenerOpenError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(EXIT_CONFIGURATION);
  }
}

/** Says it to a caller whose transaction died with the former process. */
export const rawAnswers =
  (transport: () => TransportLayer, clock: Clock): CallPorts["answerRaw"] =>
  (wire, flow, localTag, status, reasonPhrase, answer) => {
    const message = parseMessage(wire);
    if (!message.ok || message.value.kind !== "request") return;
    const parts =
      answer === undefined
        ? {}
        : ({ headers: [["Contact", `<${answer.contact}>`], ...answer.headers], contentType: "application/sdp", body: answer.sdp } as const);
    const response = serializeResponse(
      buildResponse(message.value, status, reasonPhrase, {
        ...parts,
        toTag: localTag,
        received: { address: flow.remoteAddress, rport: flow.remotePort },
      }),
    );
    const layer = transport();
    const repeats = layer.isReliable(flow.transport) ? RAW_REPEATS_MS.slice(0, 1) : RAW_REPEATS_MS;
    for (const delayMs of repeats) clock.after(delayMs, () => layer.respond(flow, response, () => {}));
  };
