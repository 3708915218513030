/**
 * Sockets that need more than Node's options offer (a network device, DSCP, receive buffers above the
 * system's bound, SO_REUSEADDR after bind): made and bound by foreign calls and given to dgram and net as
 * descriptors. Where koffi does not load, there are none.
 */

import { isIP } from "node:net";
import { DatagramCalls } from "./datagram-calls.ts";

/** Room for the datagrams that come while the event loop is busy; a few hundred by default are not enough. */
export const BUFFER_BYTES = 4 * 1024 * 1024;
const SOL_SOCKET = 1;
const SO_SNDBUFFORCE = 32;
const SO_RCVBUFFORCE = 33;

export interface SocketOptions {
  /** SO_BINDTODEVICE: packets leave and come in by this interface only, whatever the routes say. */
  readonly device?: string | undefined;
  /** 0–63, RFC 2474. */
  readonly dscp?: number | undefined;
}

export interface Descriptors {
  /**
   * A bound UDP socket that others may share from now on.
   * @param joining true for a further socket on a port that already has one of ours
   */
  datagram(address: string, port: number, options: SocketOptions, joining: boolean): number;
  /** For the sockets of `datagram`. */
  readonly calls: DatagramCalls;
  /** A bound TCP socket to listen on. */
  stream(address: string, port: number, options: SocketOptions): number;
}

/** Its methods throw an Error with `code`, as bind does. Undefined where foreign calls do not work. */
export async function loadDescriptors(): Promise<Descriptors | undefined> {
  let ffi: typeof import("./ffi.ts");
  try {
    ffi = await import("./ffi.ts");
  } catch {
    return undefined;
  }
  function open(type: number, address: string, port: number, options: SocketOptions, reuseFirst: boolean): number {
    const encoded = isIP(address) === 0 ? undefined : ffi.encodeSockaddr(address, port);
    if (encoded === undefined) throw systemError("EINVAL", "address", address);
    const family = address.includes(":") ? ffi.AF_INET6 : ffi.AF_INET;
    const fd = ffi.socket(family, type | ffi.SOCK_NONBLOCK | ffi.SOCK_CLOEXEC, 0);
    if (fd < 0) throw systemError(ffi.errnoName(ffi.errno()), "socket", address);
    const must = (done: boolean, call: string): void => {
      if (done) return;
      const code = ffi.errnoName(ffi.errno());
      ffi.close(fd);
      throw systemError(code, call, address);
    };
    if (family === ffi.AF_INET6) must(ffi.only6(fd), "IPV6_V6ONLY");
    if (options.device !== undefined) must(ffi.bindToDevice(fd, options.device), `SO_BINDTODEVICE ${options.device}`);
    if (options.dscp !== undefined) must(ffi.setDscp(fd, family, options.dscp), "IP_TOS");
    if (reuseFirst) must(ffi.allowReuse(fd), "SO_REUSEADDR");
    must(ffi.bind(fd, encoded, encoded.length) === 0, "bind");
    // After bind, so that a port which somebody else has was refused.
    must(ffi.allowReuse(fd), "SO_REUSEADDR");
    return fd;
  }
  const bufferBytes = Buffer.alloc(4);
  bufferBytes.writeInt32LE(BUFFER_BYTES);
  return {
    calls: new DatagramCalls(ffi),
    datagram: (address, port, options, joining) => {
      const fd = open(ffi.SOCK_DGRAM, address, port, options, joining);
      // Beyond net.core.rmem_max needs CAP_NET_ADMIN; without it, what that bound allows is granted later.
      ffi.setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, bufferBytes, bufferBytes.length);
      ffi.setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, bufferBytes, bufferBytes.length);
      return fd;
    },
    // For TCP the option only skips TIME_WAIT: a port on which somebody listens is refused all the same.
    stream: (address, port, options) => open(ffi.SOCK_STREAM, address, port, options, true),
  };
}

function systemError(code: string, call: string, address: string): Error {
  return Object.assign(new Error(`${call} ${address}: ${code}`), { code });
}
