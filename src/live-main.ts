/**
 * Follows the switch's live events over the control socket for the API's thread: one subscription, made again after a
 * break from the place where it stopped.
 */
import type { ControlCommand } from "#call/control.ts";
import { connectJsonLines } from "#net/json-lines.ts";
import type { LiveBatch } from "#observe/live-events.ts";

const AGAIN_MS = 500;

/** Never rejects. @param place of the last event that was taken before; @param take is given each batch in order */
export function followLive(controlPath: string, place: string | undefined, take: (batch: LiveBatch) => void): void {
  let after = place;
  const again = (): void => void setTimeout(() => void connect(), AGAIN_MS).unref();
  async function connect(): Promise<void> {
    try {
      const client = await connectJsonLines(controlPath);
      const command: ControlCommand = { type: "events", after };
      const { done } = client.follow(command, (event) => {
        const batch = event as LiveBatch;
        // From the second subscription on nothing is skipped, even where the first brought no event.
        after = batch.events.at(-1)?.place ?? after;
        take(batch);
      });
      after ??= "0.0";
      await done;
    } catch {
      // The switch is going, or its socket is full: the same again.
    }
    again();
  }
  void connect();
}
