/**
 * Composition root of the `tandem` command: reads the command line, gives each command what it needs. The commands are
 * declared in `cli-*-main.ts`; what each does stands in `cli/`.
 */
import { Command, Option } from "commander";
import { ControlError, EXIT_FAILED, EXIT_USAGE } from "#cli/context.ts";
import { CALL_COMMANDS } from "./cli-calls-main.ts";
import { type CommandLine, contextOf, type Global } from "./cli-context-main.ts";
import { PEER_COMMANDS } from "./cli-peers-main.ts";
import { SETUP_COMMANDS } from "./cli-setup-main.ts";

// `tandem cdr | head`: a reader that has seen enough is no error.
process.stdout.on("error", (error: NodeJS.ErrnoException) => process.exit(error.code === "EPIPE" ? 0 : EXIT_FAILED));

const VERSION = "0.1.0";
const program = new Command("tandem")
  .description("The switch between phone carriers and voice AI")
  .version(VERSION)
  .showHelpAfterError("(tandem --help lists the commands)")
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : EXIT_USAGE))
  .addOption(new Option("--json", "one JSON value instead of text"))
  .addOption(new Option("-c, --config <file>", "configuration file (else TANDEM_CONFIG, ./tandem.yaml, /etc/tandem/tandem.yaml)"))
  .addOption(new Option("--home <folder>", "state folder (else TANDEM_HOME, /var/lib/tandem for root, ~/.local/state/tandem)"));

/** Registers a command; its errors become a line and an exit code. */
function register({ usage, description, configure, run }: CommandLine): void {
  // Options that every command understands may also stand behind it.
  const made = configure(program.command(usage).description(description))
    .addOption(new Option("--json").hideHelp())
    .addOption(new Option("-c, --config <file>").hideHelp())
    .addOption(new Option("--home <folder>").hideHelp());
  made.action(async (...args: unknown[]) => {
    const global = made.optsWithGlobals<Global>();
    const context = contextOf(global);
    try {
      process.exitCode = await run(context, global, ...(args as never[]));
    } catch (error) {
      if (!(error instanceof ControlError)) throw error;
      if (context.json) context.print(JSON.stringify({ ok: false, code: error.code, message: error.message }));
      else context.warn(error.message);
      process.exitCode = EXIT_FAILED;
    }
    // The control connection and the phone's timers must not keep a finished command.
    await new Promise<void>((resolve) => process.stdout.write("", () => resolve()));
    process.exit();
  });
}

for (const line of [...SETUP_COMMANDS, ...CALL_COMMANDS, ...PEER_COMMANDS]) register(line);
if (process.argv.length <= 2) program.outputHelp();
else await program.parseAsync();
