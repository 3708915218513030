/**
 * The controller's Unix stream socket inside the packet loop: a command is read, done and answered in the
 * same wake-up as the packets beside it.
 */
import { chmodSync, unlinkSync } from "node:fs";
import * as ffi from "#net/ffi.ts";
import type { ControlListener, ControlStream, ControlUser } from "./control-stream.ts";
import type { EpollLoop } from "./epoll-loop.ts";

const READ_BYTES = 256 << 10;
const BACKLOG = 16;

class EpollStream implements ControlStream {
  readonly #loop: EpollLoop;
  readonly #fd: number;
  readonly #user: ControlUser;
  readonly #buffer: Uint8Array;
  #queue: Uint8Array[] = [];
  #open = true;
  backlogBytes = 0;

  constructor(loop: EpollLoop, fd: number, user: ControlUser, buffer: Uint8Array) {
    this.#loop = loop;
    this.#fd = fd;
    this.#user = user;
    this.#buffer = buffer;
    loop.watch(fd, ffi.EPOLLIN, { ready: (events) => this.#ready(events) });
  }

  #ready(events: number): void {
    if ((events & ffi.EPOLLOUT) !== 0) this.#flush();
    if (!this.#open || (events & ~ffi.EPOLLOUT) === 0) return;
    const length = ffi.recv(this.#fd, this.#buffer, this.#buffer.length, 0);
    if (length > 0) {
      this.#user.received(this, this.#buffer.slice(0, length));
      return;
    }
    const error = length < 0 ? ffi.errno() : 0;
    if (error === ffi.ERRNO.EAGAIN || error === ffi.ERRNO.EINTR) return;
    this.#lost();
  }

  #lost(): void {
    if (!this.#open) return;
    this.close();
    this.#user.closed(this);
  }

  write(bytes: Uint8Array): void {
    if (!this.#open) return;
    this.#queue.push(bytes);
    this.backlogBytes += bytes.length;
    if (this.#queue.length === 1) this.#flush();
  }

  #flush(): void {
    while (this.#queue.length > 0) {
      const bytes = this.#queue[0]!;
      const sent = ffi.send(this.#fd, bytes, bytes.length, ffi.MSG_NOSIGNAL);
      if (sent < 0) {
        if (ffi.errno() === ffi.ERRNO.EAGAIN) this.#loop.changeInterest(this.#fd, ffi.EPOLLIN | ffi.EPOLLOUT);
        else this.#lost();
        return;
      }
      this.backlogBytes -= sent;
      if (sent < bytes.length) this.#queue[0] = bytes.subarray(sent);
      else this.#queue.shift();
    }
    this.#loop.changeInterest(this.#fd, ffi.EPOLLIN);
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#queue = [];
    this.backlogBytes = 0;
    this.#loop.unwatch(this.#fd);
  }
}

/** Listens at a path that only our user may open. @throws when the path cannot be bound */
export function listenInLoop(loop: EpollLoop, path: string, user: ControlUser): ControlListener {
  const fail = (step: string): never => {
    throw new Error(`${step} ${path}: ${ffi.errnoName(ffi.errno())}`);
  };
  const fd = ffi.socket(ffi.AF_UNIX, ffi.SOCK_STREAM | ffi.SOCK_NONBLOCK | ffi.SOCK_CLOEXEC, 0);
  const address = ffi.encodeUnixAddress(path);
  if (fd < 0 || ffi.bind(fd, address, address.length) !== 0) fail("bind");
  // Nobody can connect before listen, so there is no moment in which others may.
  chmodSync(path, 0o600);
  if (ffi.listen(fd, BACKLOG) !== 0) fail("listen");
  const buffer = new Uint8Array(READ_BYTES);
  loop.watch(fd, ffi.EPOLLIN, {
    ready: () => {
      const accepted = ffi.accept4(fd, null, null, ffi.SOCK_NONBLOCK | ffi.SOCK_CLOEXEC);
      if (accepted >= 0) user.opened(new EpollStream(loop, accepted, user, buffer));
    },
  });
  return {
    close: () => {
      loop.unwatch(fd);
      unlinkSync(path);
    },
  };
}
