/**
 * The relay's side of media.sock: hello, commands in, replies and events out. One controller at a time;
 * a new one replaces the old one, because a restarted signalling process comes back before its former
 * connection is noticed dead. Replies of one wake-up leave in one write, after the journal's.
 */
import { COMMAND_BYTES_MAX, FrameReader, encodeFrame } from "#media/embedded/frames.ts";
import { type Command, type Hello, type Message, parseCommand } from "#media/embedded/protocol.ts";
import type { MediaEvent, Play } from "#media/engine.ts";
import type { ControlStream, ControlUser } from "./control-stream.ts";
import type { Relay, RelayOutput } from "./relay.ts";

/** A controller that reads so slowly loses events … */
const EVENTS_BACKLOG_BYTES = 4 << 20;
/** … and in the end its connection: replies are never dropped one by one. */
const BACKLOG_BYTES_MAX = 32 << 20;

export class ControllerLink implements ControlUser, RelayOutput {
  readonly #hello: () => Hello;
  readonly #settle: () => void;
  readonly #coalesce: (maxUs: number) => void;
  readonly #play: (play: Play) => void;
  #relay: Relay | undefined;
  #stream: ControlStream | undefined;
  #reader = new FrameReader(COMMAND_BYTES_MAX);
  #out: Buffer[] = [];
  eventsDropped = 0;

  /** @param settle writes the journal, then calls `flush`
   *  @param coalesce the controller's wish for the largest delay of the packet loop
   *  @param play audio of our own */
  constructor(options: {
    readonly hello: () => Hello;
    readonly settle: () => void;
    readonly coalesce: (maxUs: number) => void;
    readonly play?: (play: Play) => void;
  }) {
    this.#hello = options.hello;
    this.#settle = options.settle;
    this.#coalesce = options.coalesce;
    this.#play = options.play ?? (() => {});
  }

  attach(relay: Relay): void {
    this.#relay = relay;
  }

  get connected(): boolean {
    return this.#stream !== undefined;
  }

  opened(stream: ControlStream): void {
    this.#stream?.close();
    this.#stream = stream;
    this.#reader = new FrameReader(COMMAND_BYTES_MAX);
    this.#out = [];
    // The former controller's.
    this.#relay?.takeBack();
    if (this.#relay !== undefined) this.#relay.controlled = true;
    stream.write(encodeFrame(this.#hello()));
  }

  closed(stream: ControlStream): void {
    if (stream !== this.#stream) return;
    this.#stream = undefined;
    this.#out = [];
    if (this.#relay === undefined) return;
    this.#relay.controlled = false;
    this.#relay.takeBack();
  }

  received(stream: ControlStream, bytes: Uint8Array): void {
    if (stream !== this.#stream) return;
    const frames = this.#reader.push(bytes);
    const commands = frames.ok ? frames.values.map(parseCommand) : [];
    for (const command of commands) if (command !== undefined) this.#run(command);
    if (!frames.ok || commands.includes(undefined)) {
      stream.close();
      this.closed(stream);
    }
    this.#settle();
  }

  #run(command: Command): void {
    const relay = this.#relay;
    if (relay === undefined) return;
    switch (command.op) {
      case "pools":
        relay.setPools(command.pools);
        if (command.coalesceUs !== undefined) this.#coalesce(command.coalesceUs);
        return;
      case "prepare":
        this.#say({ type: "prepared", id: command.id, prepared: relay.prepare(command.session, command.sides) });
        return;
      case "assign":
        return relay.assign(command.session, command.sides);
      case "lend":
        this.#say({ type: "lent", id: command.id, pool: command.pool, ports: relay.lend(command.pool, command.pairs) });
        return;
      case "commit":
        relay.commit(command.commit);
        return;
      case "play":
        return this.#play(command.play);
      case "abort":
        relay.abort(command.session, command.side);
        return;
      case "release":
        this.#say({ type: "stats", id: command.id, stats: relay.release(command.session) ?? null });
        return;
      case "stats":
        this.#say({ type: "stats", id: command.id, stats: relay.stats(command.session) ?? null });
    }
  }

  #say(message: Message): void {
    if (this.#stream !== undefined) this.#out.push(encodeFrame(message));
  }

  event(event: MediaEvent): void {
    if ((this.#stream?.backlogBytes ?? 0) > EVENTS_BACKLOG_BYTES) this.eventsDropped++;
    else this.#say({ type: "event", event });
  }

  problem(session: string, side: string, detail: string): void {
    this.#say({ type: "problem", session, side, detail });
  }

  /** Sends what was said since the last time. */
  flush(): void {
    const stream = this.#stream;
    if (stream === undefined || this.#out.length === 0) return;
    const frames = this.#out;
    this.#out = [];
    if (stream.backlogBytes > BACKLOG_BYTES_MAX) {
      stream.close();
      this.closed(stream);
    } else stream.write(frames.length === 1 ? frames[0]! : Buffer.concat(frames));
  }
}
