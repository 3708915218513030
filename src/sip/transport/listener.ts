/** What a listener is told to be, and what it tells the world once it is open. */
import type { ListenerFace, TransportName } from "./transport.ts";
import { DEFAULT_TLS_PORT } from "./via-response.ts";

export interface ListenerSpec {
  readonly name: string;
  /** Numeric; "0.0.0.0" and "::" need `advertised`. */
  readonly address: string;
  /** 0: the kernel chooses, the same for UDP and TCP. */
  readonly port: number;
  /** What Via and Contact say. */
  readonly advertised: string;
  readonly transports: readonly TransportName[];
  /** Of TLS; absent: 5061. */
  readonly tlsPort?: number | undefined;
  readonly device?: string | undefined;
  readonly dscp?: number | undefined;
}

/** What the operator hears when a listener cannot be opened. `message` says what to do. */
export class ListenerOpenError extends Error {
  override readonly name = "ListenerOpenError";
  readonly code: string;
  readonly listener: string;
  constructor(spec: ListenerSpec, transport: TransportName, code: string, options?: ErrorOptions) {
    const port = transport === "TLS" ? (spec.tlsPort ?? DEFAULT_TLS_PORT) : spec.port;
    super(`listener ${spec.name}: cannot open ${transport} ${placeOf(spec, port)}: ${code}: ${remedyOf(code, spec, port)}`, options);
    this.code = code;
    this.listener = spec.name;
  }
}

const placeOf = ({ address }: ListenerSpec, port: number): string =>
  address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;

function remedyOf(code: string, spec: ListenerSpec, port: number): string {
  switch (code) {
    case "EADDRINUSE":
      return `another program has this port; see \`ss -lunpt 'sport = :${port}'\`, or give the listener another port`;
    case "EACCES":
      return `ports below 1024 need root or CAP_NET_BIND_SERVICE; use a port above, or \`setcap cap_net_bind_service=+ep\` on node`;
    case "EADDRNOTAVAIL":
      return `this machine has no address ${spec.address}; see \`ip address\`, and put what the world should see into \`advertise\``;
    case "EMFILE":
    case "ENFILE":
      return "no file descriptors are left; raise `ulimit -n`";
    case "NO_TRANSPORT":
      return "this transport is not there yet; use UDP, TCP and TLS";
    case "NO_CERTIFICATE":
      return "its certificate can't be used; tandem check says why";
    case "NO_SOCKET_OPTIONS":
      return "`device` and `dscp` need Linux and koffi, which does not load here; leave them out";
    case "ENODEV":
      return `there is no network device ${spec.device ?? ""}; see \`ip link\``;
    case "EPERM":
      return "binding to a device needs root or CAP_NET_RAW";
    case "EINVAL":
    case "ERR_INVALID_IP_ADDRESS":
      return "the address must be a numeric IPv4 or IPv6 address of this machine";
    default:
      return "see the cause";
  }
}

/** @param tls whether it can call out by TLS, listening or not */
export function faceOf({ name, address, advertised }: ListenerSpec, ports: ReadonlyMap<TransportName, number>, tls: boolean): ListenerFace {
  return {
    name,
    address,
    advertised,
    portOf: (transport) => ports.get(transport),
    reaches: (transport) => ports.has(transport) || (transport === "TLS" && tls),
  };
}
