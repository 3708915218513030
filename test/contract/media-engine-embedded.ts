/** Starts a real tandem-media process with a state folder of its own, for the contract suite and the bench. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { type Socket, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { systemClock } from "#base/clock.ts";
import { type EmbeddedEngine, connectEmbeddedEngine } from "#media/embedded/embedded-engine.ts";
import { connectSpreadEngine } from "#media/embedded/spread-engine.ts";
import type { PortPool } from "#media/engine.ts";
import type { EngineUnderTest } from "./media-engine.ts";

const MEDIA_MAIN = fileURLToPath(new URL("../../src/media-main.ts", import.meta.url));

export interface EmbeddedProcess extends EngineUnderTest {
  readonly engine: EmbeddedEngine;
  readonly pid: number;
  crashAndRestart(): Promise<void>;
  reconnect(): void;
}

/** @param prefix a command to run it under, e.g. ["taskset", "-c", "0"] */
export async function startEmbedded(
  pools: readonly PortPool[],
  args: readonly string[],
  prefix: readonly string[] = [],
): Promise<EmbeddedProcess> {
  const home = mkdtempSync(join(tmpdir(), "tandem-media-"));
  const spawnMedia = (): ChildProcess => {
    const [command, ...rest] = [...prefix, process.execPath, "--disable-warning=ExperimentalWarning", MEDIA_MAIN, "--home", home, ...args];
    return spawn(command!, rest, { stdio: ["ignore", "ignore", "inherit"] });
  };
  let child = spawnMedia();
  const socketPath = join(home, "media-0.sock");
  const workers = Number(args[args.indexOf("--workers") + 1] ?? 1) || 1;
  const engine =
    workers === 1
      ? connectEmbeddedEngine({ socketPath, pools, clock: systemClock, publish: () => {} })
      : // One is configured; the process says that there are more.
        connectSpreadEngine({
          socketPathOf: (worker) => join(home, `media-${worker}.sock`),
          workers: 1,
          pools,
          clock: systemClock,
          publish: () => {},
        });
  await new Promise<void>((resolve) => {
    engine.onEvent = (event) => event.type === "up" && resolve();
  });
  let rival: Socket | undefined;
  return {
    engine,
    get pid() {
      return child.pid!;
    },
    strayWatch: !args.includes("dgram"),
    // The newest controller wins, so a second one pushes the first out, which then comes back.
    reconnect: () => {
      rival = connect(socketPath);
      rival.on("error", () => {});
    },
    crashAndRestart: async () => {
      const died = once(child, "exit");
      child.kill("SIGKILL");
      await died;
      child = spawnMedia();
    },
    stop: async () => {
      engine.close();
      rival?.destroy();
      const died = once(child, "exit");
      child.kill();
      await died;
      rmSync(home, { recursive: true, force: true });
    },
  };
}
