/** The controller's connection as bytes; koffi's epoll loop and node:net both fulfil it. */

export interface ControlStream {
  /** Queues and sends. Never throws: a lost stream is told by `closed`. */
  write(bytes: Uint8Array): void;
  /** Bytes that the controller has not read yet. */
  readonly backlogBytes: number;
  close(): void;
}

export interface ControlUser {
  opened(stream: ControlStream): void;
  /** `bytes` belongs to the user. */
  received(stream: ControlStream, bytes: Uint8Array): void;
  /** Also after the user's own `close`? No: only when the other side or an error ended it. */
  closed(stream: ControlStream): void;
}

export interface ControlListener {
  close(): void;
}
