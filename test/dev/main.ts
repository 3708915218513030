/** `./dev`: every chore of a contributor, one command each. The chores stand beside this file. */
import { Command } from "commander";
import { check } from "./check.ts";
import { runTests } from "./tests.ts";
import { installPeers } from "./peers.ts";
import { runBench, benchNames } from "./bench.ts";
import { runFuzz, runSoak } from "./long.ts";
import { makeNew } from "./new.ts";
import { buildPanel } from "./panel.ts";
import { makeRelease } from "./release.ts";
import { writeClient } from "./client.ts";
import { writeOpenApi } from "./openapi.ts";

const dev = new Command("./dev").description("Tandem's chores for contributors").showHelpAfterError();

dev
  .command("check")
  .description("types (tsc), lint (oxlint), format (Biome)")
  .option("--fix", "mend what can be mended")
  .action(async (options: { fix?: boolean }) => exitWith(await check(options.fix === true)));

dev
  .command("test [pattern]")
  .description("all tests, or those whose file path contains the pattern")
  .option("--no-peers", "do not install missing peers; their tests are skipped aloud")
  .action(async (pattern: string | undefined, options: { peers: boolean }) => {
    if (options.peers && pattern === undefined) installPeers({ onlyIfRoot: true });
    exitWith(await runTests(pattern));
  });

dev
  .command("bench [name] [args...]")
  .description(`measure against Kamailio and rtpengine: ${benchNames().join(", ")}; the last line is one JSON object`)
  .allowUnknownOption()
  .action(async (name: string | undefined, args: string[]) => exitWith(await runBench(name, args)));

dev
  .command("fuzz [args...]")
  .description(
    "mutated SIP messages against the parser (10 million by default; --count, --seconds, --seed); api: hostile requests against the API",
  )
  .allowUnknownOption()
  .action(async (args: string[]) => exitWith(await runFuzz(args)));

dev
  .command("soak [args...]")
  .description(
    "kills of signalling and media under load, CDRs reconciled (--kills, --seconds); writes: kills while the API writes (--kills, --dids)",
  )
  .allowUnknownOption()
  .action(async (args: string[]) => exitWith(await runSoak(args)));

dev
  .command("peers")
  .description("install the real SIP peers that tests talk to (Debian packages, needs root)")
  .action(() => exitWith(installPeers({ onlyIfRoot: false })));

dev
  .command("client")
  .description("the typed client of the API (src/api-client/), of its OpenAPI file as it stands")
  .action(async () => {
    console.log((await writeClient()) ? "src/api-client/operations.ts is current" : "src/api-client/operations.ts is written anew");
  });

dev
  .command("openapi")
  .description("the OpenAPI file of the API as it stands, and the panel's types made from it")
  .action(async () => exitWith(await writeOpenApi()));

dev
  .command("panel")
  .description("build the panel into panel/dist; its first load is measured")
  .action(async () => exitWith(await buildPanel()));

dev
  .command("release")
  .description("an archive for machines without internet: src/, dependencies, the built panel, Node; with its SHA-256")
  .option("--to <folder>", "where it is put", "release")
  .option("--built-panel", "take the panel as it was last built")
  .action(async (options: { to: string; builtPanel?: boolean }) =>
    exitWith((await makeRelease({ to: options.to, builtPanel: options.builtPanel === true })) !== undefined),
  );

dev
  .command("new <kind> <name>")
  .description("start a file from its pattern: adr, test, bench")
  .action((kind: string, name: string) => exitWith(makeNew(kind, name)));

function exitWith(ok: boolean): void {
  process.exitCode = ok ? 0 : 1;
}

if (process.argv.length <= 2) dev.outputHelp();
else await dev.parseAsync();
