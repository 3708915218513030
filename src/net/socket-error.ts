/** What the kernel said about a socket, reduced to a stable code and a sentence. */

export interface SocketError {
  /** ECONNREFUSED, EHOSTUNREACH, EMSGSIZE …; "UNKNOWN" where the platform gave none. */
  readonly code: string;
  readonly detail: string;
}

/** For errors that came as exceptions or `error` events of Node's sockets. */
export function socketError(error: unknown): SocketError {
  if (!(error instanceof Error)) return { code: "UNKNOWN", detail: String(error) };
  const code = "code" in error && typeof error.code === "string" ? error.code : "UNKNOWN";
  return { code, detail: error.message };
}
