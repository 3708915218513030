/**
 * How another configuration comes in force in the running switch: `tandem reload` and `tandem apply` load the whole in
 * a thread of their own, a small change of resources comes as a patch. One after the other, as each must see the
 * listeners and the generation of the one before; small changes are only kept apart from the others.
 */
import type { Clock } from "#base/clock.ts";
import type { ControlAbilities } from "#call/control-port.ts";
import { type ApplyOutcome, applyApart } from "#config/apply-apart.ts";
import { listenersKey } from "#config/check-listeners.ts";
import type { Config } from "#config/config.ts";
import { loadApart } from "#config/load-apart.ts";
import type { LoadedConfig } from "#config/load.ts";
import { renderProblems } from "#config/render-problems.ts";
import { ResourceWriter } from "#config/write-apart.ts";
import { patchSnapshot } from "#routing/patch-snapshot.ts";
import type { Snapshot } from "#routing/snapshot.ts";

type Loaded = Extract<LoadedConfig, { readonly ok: true }>;

export interface ChangePorts {
  readonly clock: Clock;
  /** --config and --home, as given. */
  readonly file: string | undefined;
  readonly home: string | undefined;
  readonly first: { readonly config: Config; readonly text: string };
  readonly snapshot: () => Snapshot;
  /** Puts it in force at once. */
  readonly swap: (snapshot: Snapshot) => void;
  /** It has an entry of its own in the log of configurations. */
  readonly record: (loaded: Loaded) => Promise<void>;
}

export type ConfigChanges = Pick<ControlAbilities, "reload" | "apply" | "write">;

/** A wish that finds the store changed behind the switch's back is asked again after a reload. */
const TRIES = 3;

export function configChanges({ clock, file, home, first, snapshot, swap, record }: ChangePorts): ConfigChanges {
  let inForce = { text: first.text, file: first.config.file };
  let changing: Promise<unknown> = Promise.resolve();
  const writer = new ResourceWriter({
    entry: new URL("./write-main.ts", import.meta.url),
    clock,
    options: () => ({ ...inForce, home: first.config.node.home, generation: snapshot().generation, hash: snapshot().hash }),
    take: (patch) => swap(patchSnapshot(snapshot(), patch)),
    onBehind: () => void inTurn(reload),
  });

  function inTurn<T>(run: () => Promise<T>): Promise<T> {
    const next = changing.then(async () => {
      await writer.rest();
      return run();
    });
    changing = next.catch(() => undefined);
    return next;
  }

  async function reload() {
    const generation = snapshot().generation + 1;
    const next = await loadApart(new URL("./config-main.ts", import.meta.url), { file, home, generation });
    if (!next.ok) return { ok: false, code: "CONFIGURATION", message: renderProblems(next.problems, false) } as const;
    if (listenersKey(next.config.snapshot.listeners.values()) !== listenersKey(snapshot().listeners.values()))
      return {
        ok: false,
        code: "NEEDS_RESTART",
        message: "listeners changed: they are opened at start only; everything stays as it was",
      } as const;
    await putInForce(next);
    return { ok: true, value: { generation: snapshot().generation, warnings: next.warnings } } as const;
  }

  async function apply(wish: Parameters<ControlAbilities["apply"]>[0]): ReturnType<ControlAbilities["apply"]> {
    const { outcome, loaded: next } = await applyApart(new URL("./apply-main.ts", import.meta.url), {
      file,
      home,
      generation: snapshot().generation + 1,
      wish,
      openListeners: listenersKey(snapshot().listeners.values()),
    });
    if (next?.ok === true) await putInForce(next);
    // Refused or not, with the places of all problems: the command shows them.
    return { ok: true, value: outcome };
  }

  async function putInForce(next: Loaded): Promise<void> {
    inForce = { text: next.text, file: next.config.file };
    swap(next.config.snapshot);
    await record(next);
  }

  return {
    reload: () => inTurn(reload),
    apply: (wish) => inTurn(() => apply(wish)),
    async write(wish) {
      for (let tries = 1; tries <= TRIES; tries++) {
        await changing;
        const outcome = await writer.write(wish);
        if (outcome !== undefined) return { ok: true, value: outcome };
      }
      const message = "others change the stored resources all the time; try again";
      return { ok: true, value: { ok: false, code: "CONFLICT", message, problems: [] } satisfies ApplyOutcome };
    },
  };
}
