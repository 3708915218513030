/** Where things are: the configuration file, the state folder, the folder of sockets. Pure; the environment is an argument. */
import { join } from "node:path";

export type Environment = Readonly<Record<string, string | undefined>>;

/** Bytes that sun_path holds are 108 on Linux and 104 elsewhere; the rest is room for suffixes. */
export const SOCKET_PATH_BYTES_MAX = 100;
const SOCKET_NAMES = ["control.sock", "media.sock"];

/** The files to look for; when one was named, only that. @param named --config */
export function configFiles(named: string | undefined, env: Environment): readonly string[] {
  const given = named ?? env["TANDEM_CONFIG"];
  return given === undefined || given === "" ? ["./tandem.yaml", "/etc/tandem/tandem.yaml"] : [given];
}

/** The state folder. @param named --home  @param written node.home of the file */
export function homeFolder(named: string | undefined, written: string | undefined, env: Environment, uid: number): string {
  const given = named || env["TANDEM_HOME"] || written;
  if (given) return given.replace(/^~(?=\/|$)/, env["HOME"] ?? "~");
  if (uid === 0) return "/var/lib/tandem";
  // XDG Base Directory: a relative path is to be ignored.
  const state = env["XDG_STATE_HOME"];
  return join(state?.startsWith("/") ? state : join(env["HOME"] ?? "/", ".local/state"), "tandem");
}

/** The folder of control.sock and media.sock. A home that was asked for keeps its sockets, so that two nodes can stand side by side. */
export function runFolder(home: string, homeWasNamed: boolean, env: Environment): string {
  const runtime = env["XDG_RUNTIME_DIR"];
  return !homeWasNamed && runtime?.startsWith("/") ? join(runtime, "tandem") : home;
}

/** The socket path that is too long, with its length in bytes. */
export function tooLongSocketPath(runDir: string): { readonly path: string; readonly bytes: number } | undefined {
  for (const name of SOCKET_NAMES) {
    const path = join(runDir, name);
    const bytes = Buffer.byteLength(path);
    if (bytes > SOCKET_PATH_BYTES_MAX) return { path, bytes };
  }
  return undefined;
}
