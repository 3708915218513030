/**
 * Sending and receiving on a bound datagram socket by system calls of our own. dgram still owns the socket
 * and says when something came; what else waits then is read here, and what leaves takes no way through
 * its queues. Half the cost of a datagram in Node is that way, not the kernel.
 *
 * One for all sockets of a thread. Not used where koffi does not load.
 */
import { isIP } from "node:net";
import type { SocketError } from "./socket-error.ts";

/** The largest UDP payload: nothing is ever truncated. */
const DATAGRAM_BYTES_MAX = 65_536;
/** Encoded destinations that are remembered. */
const DESTINATIONS_MAX = 4_096;
/** Texts of IPv4 sources that are remembered: most datagrams come from few hosts. */
const SOURCES_MAX = 4_096;

export class DatagramCalls {
  readonly #ffi: typeof import("./ffi.ts");
  /** By port, then address. */
  readonly #destinations = new Map<number, Map<string, Uint8Array>>();
  #remembered = 0;
  readonly #bytes = Buffer.allocUnsafeSlow(DATAGRAM_BYTES_MAX);
  readonly #source: Uint8Array;
  readonly #sourceLength = new Uint32Array(1);
  /** By address, as 32 bits. */
  readonly #sources = new Map<number, string>();

  constructor(ffi: typeof import("./ffi.ts")) {
    this.#ffi = ffi;
    this.#source = new Uint8Array(ffi.SOCKADDR_BYTES_MAX);
  }

  /** What leaves from now on is marked so. @param address of the socket, for its family */
  mark(fd: number, address: string, dscp: number): boolean {
    return this.#ffi.setDscp(fd, address.includes(":") ? this.#ffi.AF_INET6 : this.#ffi.AF_INET, dscp);
  }

  /** @returns undefined when it left, "full" when the socket has no room now, else what the kernel said */
  send(fd: number, bytes: Uint8Array): SocketError | "full" | undefined {
    return this.#ffi.send(fd, bytes, bytes.length, this.#ffi.MSG_NOSIGNAL) >= 0 ? undefined : this.#failure("send");
  }

  /** @param address numeric */
  sendTo(fd: number, bytes: Uint8Array, address: string, port: number): SocketError | "full" | undefined {
    const to = this.#encoded(address, port);
    if (to === undefined) return { code: "EINVAL", detail: `${address} is not a numeric address` };
    return this.#ffi.sendto(fd, bytes, bytes.length, this.#ffi.MSG_NOSIGNAL, to, to.length) >= 0
      ? undefined
      : this.#failure(`send to ${address}:${port}`);
  }

  /** Gives up to `most` waiting datagrams to `take`, and a failure to `fail`; stops where nothing waits. */
  receive(
    fd: number,
    most: number,
    take: (bytes: Buffer, address: string, port: number) => boolean,
    fail: (error: SocketError) => void,
  ): void {
    const ffi = this.#ffi;
    for (let i = 0; i < most; i++) {
      this.#sourceLength[0] = ffi.SOCKADDR_BYTES_MAX;
      const length = ffi.recvfrom(fd, this.#bytes, DATAGRAM_BYTES_MAX, 0, this.#source, this.#sourceLength);
      if (length < 0) {
        const failure = this.#failure("receive");
        return failure === "full" ? undefined : fail(failure);
      }
      // A copy: the taker may keep it.
      if (!take(Buffer.from(this.#bytes.subarray(0, length)), this.#sourceAddress(), ffi.sockaddrPort(this.#source))) return;
    }
  }

  #sourceAddress(): string {
    const ffi = this.#ffi;
    const source = this.#source;
    if (source[0] !== ffi.AF_INET) return ffi.sockaddrAddress(source);
    const number = (source[4]! << 24) | (source[5]! << 16) | (source[6]! << 8) | source[7]!;
    let text = this.#sources.get(number);
    if (text === undefined) {
      text = ffi.sockaddrAddress(source);
      if (this.#sources.size === SOURCES_MAX) this.#sources.clear();
      this.#sources.set(number, text);
    }
    return text;
  }

  #failure(what: string): SocketError | "full" {
    const ffi = this.#ffi;
    const error = ffi.errno();
    if (error === ffi.ERRNO.EAGAIN || error === ffi.ERRNO.ENOBUFS || error === ffi.ERRNO.EINTR) return "full";
    // An address of the other family, as dgram calls it.
    const code = error === ffi.ERRNO.EAFNOSUPPORT ? "EINVAL" : ffi.errnoName(error);
    return { code, detail: `${what}: ${code}` };
  }

  #encoded(address: string, port: number): Uint8Array | undefined {
    let addresses = this.#destinations.get(port);
    if (addresses === undefined) this.#destinations.set(port, (addresses = new Map()));
    let encoded = addresses.get(address);
    if (encoded !== undefined) return encoded;
    encoded = isIP(address) === 0 ? undefined : this.#ffi.encodeSockaddr(address, port);
    if (encoded === undefined) return undefined;
    if (++this.#remembered > DESTINATIONS_MAX) {
      this.#destinations.clear();
      this.#destinations.set(port, (addresses = new Map()));
      this.#remembered = 1;
    }
    addresses.set(address, encoded);
    return encoded;
  }
}
