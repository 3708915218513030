/**
 * The one way of an event: stamped once, given to every sink in turn. A sink that throws is cut off with a
 * line, because what only watches must never end a call.
 */
import type { Clock } from "#base/clock.ts";
import type { Publish, Stamped, TandemEvent } from "./event.ts";

export interface Sink {
  readonly name: string;
  accept(stamped: Stamped): void;
}

export interface Publisher {
  readonly publish: Publish;
  /** @returns a function that takes it away again */
  add(sink: Sink): () => void;
}

/** @param onCutOff told of a sink that threw; it gets no more events */
export function createPublisher(
  sinks: readonly Sink[],
  clock: Pick<Clock, "wallMs">,
  onCutOff: (sink: Sink, error: unknown) => void,
): Publisher {
  let current: readonly Sink[] = [...sinks];
  let sequence = 0;
  const remove = (sink: Sink): void => {
    // A new array: the loop below goes on over the old one.
    current = current.filter((other) => other !== sink);
  };
  return {
    publish(event: TandemEvent): void {
      const stamped: Stamped = { at: clock.wallMs(), sequence: ++sequence, event };
      for (const sink of current) {
        try {
          sink.accept(stamped);
        } catch (error) {
          remove(sink);
          onCutOff(sink, error);
        }
      }
    },
    add(sink) {
      current = [...current, sink];
      return () => remove(sink);
    },
  };
}
