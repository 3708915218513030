/**
 * Every foreign call of the project: Linux's sockets and epoll through koffi, with the layouts of the
 * structures that they fill. Nothing here blocks but `epollWait` and `usleep`, nothing allocates on the
 * packet path, and nothing throws but the load itself (koffi has no binary for this machine, or a layout
 * is not what we think): whoever loads this module falls back to node:dgram then.
 *
 * Constants are those of asm-generic (x64, arm64, riscv64). It deliberately does not read options back
 * and does not know RTP, sessions or framing.
 */
import koffi from "koffi";

if (process.platform !== "linux") throw new Error(`epoll needs Linux, this is ${process.platform}`);

// null is the process itself, so that glibc and musl are found alike.
const libc = koffi.load(null);

type Call = (...args: never[]) => number;
const foreign = <F extends Call>(definition: string): F => libc.func(definition) as unknown as F;

/** Result −1 means failure; `errno()` right afterwards says why. */
export const socket: (family: number, type: number, protocol: number) => number = foreign("int socket(int, int, int)");
export const bind: (fd: number, address: Uint8Array, length: number) => number = foreign("int bind(int, void *, uint32_t)");
export const connect: (fd: number, address: Uint8Array, length: number) => number = foreign("int connect(int, void *, uint32_t)");
export const listen: (fd: number, backlog: number) => number = foreign("int listen(int, int)");
export const accept4: (fd: number, address: null, length: null, flags: number) => number = foreign("int accept4(int, void *, void *, int)");
export const close: (fd: number) => number = foreign("int close(int)");
export const recv: (fd: number, into: Uint8Array, length: number, flags: number) => number = foreign("long recv(int, void *, size_t, int)");
export const send: (fd: number, bytes: Uint8Array, length: number, flags: number) => number = foreign(
  "long send(int, void *, size_t, int)",
);
export const recvfrom: (
  fd: number,
  into: Uint8Array,
  length: number,
  flags: number,
  address: Uint8Array,
  addressLength: Uint32Array,
) => number = foreign("long recvfrom(int, void *, size_t, int, void *, void *)");
export const sendto: (fd: number, bytes: Uint8Array, length: number, flags: number, address: Uint8Array, addressLength: number) => number =
  foreign("long sendto(int, void *, size_t, int, void *, uint32_t)");
export const setsockopt: (fd: number, level: number, option: number, value: Uint8Array, length: number) => number = foreign(
  "int setsockopt(int, int, int, void *, uint32_t)",
);
export const usleep: (us: number) => number = foreign("int usleep(uint32_t)");
const epollCreate1: (flags: number) => number = foreign("int epoll_create1(int)");
const epollCtl: (epoll: number, operation: number, fd: number, event: Uint8Array) => number = foreign(
  "int epoll_ctl(int, int, int, void *)",
);
const epollWaitForeign: (epoll: number, events: Uint32Array, max: number, timeoutMs: number) => number = foreign(
  "int epoll_wait(int, void *, int, int)",
);
const getsockname: (fd: number, address: Uint8Array, length: Uint32Array) => number = foreign("int getsockname(int, void *, void *)");
const socketpair: (family: number, type: number, protocol: number, pair: Int32Array) => number = foreign(
  "int socketpair(int, int, int, void *)",
);
export const errno = (): number => koffi.errno();

export const ERRNO = koffi.os.errno as Readonly<
  Record<
    | "EAGAIN"
    | "EINTR"
    | "EADDRINUSE"
    | "EADDRNOTAVAIL"
    | "EMFILE"
    | "ENFILE"
    | "ENOBUFS"
    | "ENOMEM"
    | "EACCES"
    | "EPERM"
    | "ENODEV"
    | "ECONNREFUSED"
    | "EAFNOSUPPORT",
    number
  >
>;
const ERRNO_NAMES = new Map(Object.entries(koffi.os.errno).map(([name, value]) => [value, name]));
/** "EADDRINUSE" for people. */
export const errnoName = (value: number): string => ERRNO_NAMES.get(value) ?? `errno ${value}`;

export const AF_UNIX = 1;
export const AF_INET = 2;
export const AF_INET6 = 10;
export const SOCK_STREAM = 1;
export const SOCK_DGRAM = 2;
export const SOCK_NONBLOCK = 0o4000;
export const SOCK_CLOEXEC = 0o2000000;
export const MSG_NOSIGNAL = 0x4000;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const SO_RCVBUF = 8;
const SO_BINDTODEVICE = 25;
const IPPROTO_IP = 0;
const IP_TOS = 1;
const IPPROTO_IPV6 = 41;
const IPV6_V6ONLY = 26;
const IPV6_TCLASS = 67;

const option = Buffer.alloc(4);
function setInt(fd: number, level: number, name: number, value: number): boolean {
  option.writeInt32LE(value);
  return setsockopt(fd, level, name, option, 4) === 0;
}
export const allowReuse = (fd: number): boolean => setInt(fd, SOL_SOCKET, SO_REUSEADDR, 1);
export const receiveBufferBytes = (fd: number, bytes: number): boolean => setInt(fd, SOL_SOCKET, SO_RCVBUF, bytes);
export const only6 = (fd: number): boolean => setInt(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
/** The six bits of RFC 2474 stand above the two of ECN. */
export const setDscp = (fd: number, family: number, dscp: number): boolean =>
  family === AF_INET6 ? setInt(fd, IPPROTO_IPV6, IPV6_TCLASS, dscp << 2) : setInt(fd, IPPROTO_IP, IP_TOS, dscp << 2);
export function bindToDevice(fd: number, device: string): boolean {
  const name = Buffer.from(`${device}\0`, "latin1");
  return setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, name.length) === 0;
}

// sockaddr_in: u16 family (host order), u16 port (network order), 4 bytes address, 8 bytes zero.
export const SOCKADDR_IN_BYTES = 16;
// sockaddr_in6: u16 family, u16 port, u32 flow, 16 bytes address, u32 scope.
export const SOCKADDR_IN6_BYTES = 28;
/** Room for either. */
export const SOCKADDR_BYTES_MAX = 28;

function ipv6Bytes(text: string, into: Uint8Array, at: number): boolean {
  let head = text;
  const lastColon = text.lastIndexOf(":");
  if (text.includes(".")) {
    const quad = text
      .slice(lastColon + 1)
      .split(".")
      .map(Number);
    if (quad.length !== 4) return false;
    head = `${text.slice(0, lastColon + 1)}${((quad[0]! << 8) | quad[1]!).toString(16)}:${((quad[2]! << 8) | quad[3]!).toString(16)}`;
  }
  const [left, right] = head.split("::");
  const groups = left === "" ? [] : left!.split(":");
  if (right !== undefined) {
    const tail = right === "" ? [] : right.split(":");
    while (groups.length + tail.length < 8) groups.push("0");
    groups.push(...tail);
  }
  if (groups.length !== 8) return false;
  for (let i = 0; i < 8; i++) {
    const group = Number.parseInt(groups[i]!, 16);
    into[at + 2 * i] = group >>> 8;
    into[at + 2 * i + 1] = group & 0xff;
  }
  return true;
}

/** A socket address for bind, connect and sendto.
 *  @param address a valid numeric address (the caller has checked it); an IPv6 zone is not supported
 *  @returns undefined when it is neither IPv4 nor IPv6 */
export function encodeSockaddr(address: string, port: number): Uint8Array | undefined {
  const six = address.includes(":");
  const bytes = new Uint8Array(six ? SOCKADDR_IN6_BYTES : SOCKADDR_IN_BYTES);
  bytes[0] = six ? AF_INET6 : AF_INET;
  bytes[2] = port >>> 8;
  bytes[3] = port & 0xff;
  if (six) return ipv6Bytes(address, bytes, 8) ? bytes : undefined;
  const quad = address.split(".");
  if (quad.length !== 4) return undefined;
  for (let i = 0; i < 4; i++) bytes[4 + i] = Number(quad[i]);
  return bytes;
}

export const sockaddrPort = (bytes: Uint8Array): number => (bytes[2]! << 8) | bytes[3]!;
/** The address as text; of IPv6 all eight groups, which the caller brings into the short form. */
export function sockaddrAddress(bytes: Uint8Array): string {
  if (bytes[0] === AF_INET) return `${bytes[4]}.${bytes[5]}.${bytes[6]}.${bytes[7]}`;
  const groups: string[] = [];
  for (let i = 8; i < 24; i += 2) groups.push(((bytes[i]! << 8) | bytes[i + 1]!).toString(16));
  return groups.join(":");
}
/** sockaddr_un. The caller keeps the path below 108 bytes. */
export function encodeUnixAddress(path: string): Uint8Array {
  const name = Buffer.from(path, "utf8");
  const bytes = new Uint8Array(2 + name.length + 1);
  bytes[0] = AF_UNIX;
  bytes.set(name, 2);
  return bytes;
}
/** Connecting a datagram socket to this dissolves its connection (connect(2)); its port stays bound. */
export const SOCKADDR_UNSPEC = new Uint8Array(SOCKADDR_IN_BYTES);

export const EPOLLIN = 0x001;
export const EPOLLOUT = 0x004;
export const EPOLL_ADD = 1;
export const EPOLL_MOD = 3;
/** struct epoll_event is packed on x86-64 and on no other machine. In 32-bit words: events, [gap,] data. */
export const EPOLL_EVENT_WORDS = process.arch === "x64" ? 3 : 4;
export const EPOLL_DATA_WORD = EPOLL_EVENT_WORDS - 2;

/** A level-triggered epoll set with its own event buffer: no allocation per wait. */
export class Epoll {
  readonly fd: number;
  readonly max: number;
  /** After `wait`: event i has its fd at `events[i * EPOLL_EVENT_WORDS + EPOLL_DATA_WORD]`. */
  readonly events: Uint32Array;
  readonly #event = new Uint32Array(4);
  readonly #eventBytes = new Uint8Array(this.#event.buffer);
  constructor(max: number) {
    this.max = max;
    this.events = new Uint32Array(max * EPOLL_EVENT_WORDS);
    this.fd = epollCreate1(SOCK_CLOEXEC);
  }
  control(operation: number, fd: number, interest: number): boolean {
    this.#event[0] = interest;
    this.#event[EPOLL_DATA_WORD] = fd;
    return epollCtl(this.fd, operation, fd, this.#eventBytes) === 0;
  }
  /** @returns number of events; 0 also when a signal interrupted it */
  wait(timeoutMs: number): number {
    const ready = epollWaitForeign(this.fd, this.events, this.max, timeoutMs);
    return ready < 0 ? 0 : ready;
  }
}

/** Proves the layouts above on this machine, once, at load. Costs some 50 µs. */
function proveLayouts(): void {
  const pair = new Int32Array(2);
  const udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  const epoll = new Epoll(2);
  const paired = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair);
  try {
    if (udp < 0 || epoll.fd < 0 || paired !== 0) throw new Error(`cannot open sockets: ${errnoName(errno())}`);
    for (const fd of pair) epoll.control(EPOLL_ADD, fd, EPOLLOUT);
    const ready = epoll.wait(0);
    const fds = [0, 1].map((i) => epoll.events[i * EPOLL_EVENT_WORDS + EPOLL_DATA_WORD]);
    if (ready !== 2 || !pair.every((fd) => fds.includes(fd))) throw new Error("struct epoll_event is laid out differently here");
    const address = encodeSockaddr("127.0.0.1", 0)!;
    const back = new Uint8Array(SOCKADDR_BYTES_MAX);
    const length = Uint32Array.of(SOCKADDR_BYTES_MAX);
    if (bind(udp, address, address.length) !== 0 || getsockname(udp, back, length) !== 0)
      throw new Error(`cannot bind to 127.0.0.1: ${errnoName(errno())}`);
    if (length[0] !== SOCKADDR_IN_BYTES || sockaddrAddress(back) !== "127.0.0.1" || sockaddrPort(back) === 0)
      throw new Error("struct sockaddr_in is laid out differently here");
  } finally {
    for (const fd of [udp, epoll.fd, ...pair]) if (fd > 0) close(fd);
  }
}
proveLayouts();
