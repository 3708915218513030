/**
 * The one way of an event: stamped once, given to every sink in turn. A sink that throws is cut off with a
 * line, because what only watches must never end a call.
 */
import type { Clock } from "#base/clock.ts";
import type { Publish, Stamped, TandemEvent } from "./event.ts";

export interface Sink {
  readonly name: string;
  /** What it wants to see, which never changes; absent: all. Of a call's twenty events most sinks look at a few. */
  readonly takes?: (type: TandemEvent["type"]) => boolean;
  accept(stamped: Stamped): void;
}

export interface Publisher {
  readonly publish: Publish;
  /** Gives the sinks what was published since; only where it waits. */
  readonly flush: () => void;
  /** @returns a function that takes it away again */
  add(sink: Sink): () => void;
}

/**
 * @param onCutOff told of a sink that threw; it gets no more events
 * @param soon sees to it that `flush` is called at the end of this turn of the event loop: whoever only watches waits
 *   until what calls have to say has left. Absent: sinks see each event at once
 */
export function createPublisher(
  sinks: readonly Sink[],
  clock: Pick<Clock, "wallMs">,
  onCutOff: (sink: Sink, error: unknown) => void,
  soon?: () => void,
): Publisher {
  let current: readonly Sink[] = [...sinks];
  const byType = new Map<TandemEvent["type"], readonly Sink[]>();
  let sequence = 0;
  const change = (changed: readonly Sink[]): void => {
    current = changed;
    byType.clear();
  };
  // New arrays: the loop below goes on over the old one.
  const remove = (sink: Sink): void => change(current.filter((other) => other !== sink));
  const takersOf = (type: TandemEvent["type"]): readonly Sink[] => {
    let takers = byType.get(type);
    if (takers === undefined) byType.set(type, (takers = current.filter((sink) => sink.takes?.(type) !== false)));
    return takers;
  };
  const give = (stamped: Stamped): void => {
    for (const sink of takersOf(stamped.event.type)) {
      try {
        sink.accept(stamped);
      } catch (error) {
        remove(sink);
        onCutOff(sink, error);
      }
    }
  };
  let held: Stamped[] = [];
  return {
    publish(event: TandemEvent): void {
      const stamped: Stamped = { at: clock.wallMs(), sequence: ++sequence, event };
      if (soon === undefined) return give(stamped);
      held.push(stamped);
      soon();
    },
    flush() {
      const stamped = held;
      held = [];
      for (const one of stamped) give(one);
    },
    add(sink) {
      change([...current, sink]);
      return () => remove(sink);
    },
  };
}
