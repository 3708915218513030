/** What every command is given: where to print, and the ways to a running Tandem. */
import type { ControlCommand } from "#call/control.ts";
import type { Look } from "./table.ts";

export class ControlError extends Error {
  override readonly name = "ControlError";
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

export interface Control {
  /** Asks the running Tandem; throws ControlError with what to do when none runs. */
  ask<T>(command: ControlCommand): Promise<T>;
  /** Calls `onEvent` until the connection ends or `stop` is called. */
  follow<T>(command: ControlCommand, onEvent: (event: T) => void): { readonly done: Promise<void>; stop(): void };
}

export interface CommandContext {
  readonly look: Look;
  /** --json: one JSON value, nothing else. */
  readonly json: boolean;
  print(line: string): void;
  warn(line: string): void;
  /** Connects on first use. */
  control(): Promise<Control>;
}

export const EXIT_OK = 0;
export const EXIT_FAILED = 1;
/** Wrong usage or configuration. */
export const EXIT_USAGE = 2;
