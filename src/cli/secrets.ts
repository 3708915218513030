/** `tandem secrets rotate`: passwords of the store sealed by a new key, while everything runs. */
import { type CommandContext, ControlError, EXIT_FAILED, EXIT_OK } from "./context.ts";

export interface Rotated {
  /** Where the newest key is: "file" of the state folder, or "environment". */
  readonly source: "file" | "environment";
  /** First characters of the key's hash, as sealed values name it. */
  readonly key: string;
  /** Trunks, gateways and alert channels whose secrets were sealed anew. */
  readonly changed: number;
  /** Passwords whose key is missing. */
  readonly unreadable: number;
}

export async function secrets(context: CommandContext, action: string, rotate: () => Promise<Rotated>): Promise<number> {
  if (action !== "rotate") throw new ControlError("USAGE", `"${action}" is nothing to do with secrets; there is: tandem secrets rotate`);
  const rotated = await rotate();
  const { source, key, changed, unreadable } = rotated;
  if (context.json) context.print(JSON.stringify({ ok: unreadable === 0, ...rotated }));
  else {
    context.print(`secrets of ${changed} trunks, gateways and alert channels are sealed by key ${key} now`);
    if (source === "environment")
      context.print("the first key of the environment seals; those behind it may be taken out when this is done");
    if (unreadable > 0)
      context.warn(
        `${unreadable} passwords could not be opened: their key is missing. Every key that is there stays; set those passwords anew`,
      );
  }
  return unreadable === 0 ? EXIT_OK : EXIT_FAILED;
}
