/**
 * Composition root of the `tandem` command: reads the command line, gives each command what it needs.
 * Heavy rooms are imported by the commands that use them, so that `tandem calls` starts quickly.
 * Long because it is the list of all commands with their options; what each does stands in `cli/`.
 */
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Command, Option } from "commander";
import type { Cdr } from "#cdr/record.ts";
import { calls, hangup } from "#cli/calls.ts";
import { type CdrQuestion, cdr } from "#cli/cdr.ts";
import { type CommandContext, type Control, ControlError, EXIT_FAILED, EXIT_USAGE } from "#cli/context.ts";
import type { ImportOptions } from "#cli/import.ts";
import { type RouteAnswer, route } from "#cli/route.ts";
import { status } from "#cli/status.ts";
import { lookOf } from "#cli/table.ts";
import type { LoadInput } from "#config/load.ts";
import { connectJsonLines } from "#net/json-lines.ts";
import type { Peer } from "#routing/snapshot.ts";

// `tandem cdr | head`: a reader that has seen enough is no error.
process.stdout.on("error", (error: NodeJS.ErrnoException) => process.exit(error.code === "EPIPE" ? 0 : EXIT_FAILED));

interface Global {
  readonly json?: boolean;
  readonly config?: string;
  readonly home?: string;
}

const VERSION = "0.1.0";
const program = new Command("tandem")
  .description("The switch between phone carriers and voice AI")
  .version(VERSION)
  .showHelpAfterError("(tandem --help lists the commands)")
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : EXIT_USAGE))
  .addOption(new Option("--json", "one JSON value instead of text"))
  .addOption(new Option("-c, --config <file>", "configuration file (else TANDEM_CONFIG, ./tandem.yaml, /etc/tandem/tandem.yaml)"))
  .addOption(new Option("--home <folder>", "state folder (else TANDEM_HOME, /var/lib/tandem for root, ~/.local/state/tandem)"));

const loadInput = (global: Global): LoadInput => ({
  file: global.config,
  home: global.home,
  env: process.env,
  readFile: (path) => readFileSync(path, "utf8"),
  uid: process.getuid?.() ?? 1000,
  hostname: hostname(),
});
async function load(global: Global) {
  const { loadConfig } = await import("#config/load.ts");
  return loadConfig(loadInput(global));
}
/** With the resources of the store, as calls are routed by both. A problem where that can't be read. */
async function loadWhole(global: Global) {
  const [{ loadConfig }, { askEntries, entriesNow }, { readSqliteEntries }] = await Promise.all([
    import("#config/load.ts"),
    import("#store/database.ts"),
    import("#store/sqlite/sqlite-resources.ts"),
  ]);
  const before = await askEntries(process.env);
  return loadConfig({ ...loadInput(global), stored: (home) => entriesNow(home, process.env, before, readSqliteEntries) });
}
/** A broken database keeps nothing from starting that the file alone makes: signalling goes on without it and says so. */
async function loadToStart(global: Global) {
  const whole = await loadWhole(global);
  if (whole.ok || whole.storeUnreadable !== true) return whole;
  const alone = await load(global);
  return alone.ok ? alone : whole;
}

/** State folder and sockets: the configuration may name them; without one they are where they are by default. */
async function places(global: Global): Promise<{ readonly home: string; readonly runDir: string }> {
  const loaded = await load(global);
  if (loaded.ok) return loaded.config.node;
  if (loaded.node !== undefined) return loaded.node;
  const { homeFolder, runFolder } = await import("#config/places.ts");
  const home = homeFolder(global.home, undefined, process.env, process.getuid?.() ?? 1000);
  return { home, runDir: runFolder(home, Boolean(global.home ?? process.env["TANDEM_HOME"]), process.env) };
}

async function connect(runDir: string): Promise<Control> {
  const path = join(runDir, "control.sock");
  const client = await connectJsonLines(path).catch(() => {
    throw new ControlError(
      "NOT_RUNNING",
      `no Tandem is running here (nothing answers on ${path}); start one with: tandem start, or name its state folder with --home`,
    );
  });
  return {
    async ask<T>(command: Parameters<Control["ask"]>[0]): Promise<T> {
      const outcome = await client.ask(command);
      if (!outcome.ok) throw new ControlError(outcome.code, outcome.message);
      return outcome.value as T;
    },
    follow: (command, onEvent) => client.follow(command, (event) => onEvent(event as never)),
  };
}

/** The API of the Tandem that TANDEM_URL names; undefined: the one here is meant. */
async function remoteClient() {
  if ((process.env["TANDEM_URL"] ?? "") === "") return undefined;
  return (await import("#cli/remote.ts")).clientOf(process.env, fetch);
}
/** How a running Tandem is asked: over its control socket, or from afar. */
async function controlOf(global: Global): Promise<Control> {
  const client = await remoteClient();
  if (client !== undefined) return (await import("#cli/remote.ts")).remoteControl(client);
  return connect((await places(global)).runDir);
}

function contextOf(global: Global): CommandContext {
  let control: Promise<Control> | undefined;
  return {
    look: lookOf(process.stdout, process.env),
    json: global.json === true,
    print: (line) => void process.stdout.write(`${line}\n`),
    warn: (line) => void process.stderr.write(`${line}\n`),
    control: () => (control ??= controlOf(global)),
  };
}

type Run = (context: CommandContext, global: Global, ...args: never[]) => Promise<number>;

/** Registers a command; its errors become a line and an exit code. */
function command(usage: string, description: string, configure: (made: Command) => Command, run: Run): void {
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
const plain = (made: Command): Command => made;

command("start", "start the switch: supervisor, signalling, media", plain, async (context, global) => {
  const [{ start }, { supervise }] = await Promise.all([import("#cli/start.ts"), import("./supervise-main.ts")]);
  const loaded = await loadToStart(global);
  return start(context, loaded, () => {
    if (!loaded.ok) return Promise.resolve(EXIT_USAGE);
    const { node, file } = loaded.config;
    const { engine, workers, coalesceUs, sockets } = node.media;
    return supervise({
      home: node.home,
      childArgs: {
        signalling: ["--config", file, ...(global.home === undefined ? [] : ["--home", global.home])],
        media:
          engine === "rtpengine"
            ? undefined
            : [
                "--home",
                node.home,
                "--run-dir",
                node.runDir,
                "--workers",
                String(workers),
                "--coalesce-us",
                String(coalesceUs),
                ...(sockets === undefined ? [] : ["--sockets", sockets]),
              ],
      },
      print: context.json ? context.warn : context.print,
    });
  });
});

command(
  "check",
  "check the configuration: every problem with its line and remedy; who is recognised how",
  plain,
  async (context, global) => {
    const { check } = await import("#cli/start.ts");
    return check(context, await loadWhole(global));
  },
);

const many = (value: string, before: readonly string[] = []): readonly string[] => [
  ...before,
  ...value.split(",").filter((one) => one !== ""),
];
command(
  "import <system>",
  "move in from kamailio: what becomes what, and a tandem.yaml for it",
  (made) =>
    made
      .option("--dump <file>", "mariadb-dump of dispatcher, address, did_routing, uacreg; - reads it from a pipe", many)
      .option("--dispatcher <file>", "dispatcher.list", many)
      .option("--address <file>", "address file of the permissions module", many)
      .option("--cfg <files>", "kamailio.cfg,kamailio-local.cfg", many)
      .option("--rtpengine <file>", "rtpengine.conf", many)
      .option("--listen <name=address>", "a listener that the files don't name, e.g. public=203.0.113.10:5060", many)
      .option("--carriers <group>", "group of the address table that carriers are in", "1")
      .option("--gateways <group>", "group of the address table that gateways are in", "2")
      .option("--out <file>", "write the configuration there")
      .option("--apply", "add it to the configuration that is there, as tandem apply does; where none is, write one")
      .option("-y, --yes", "--apply without asking")
      .option("--replace", "an existing file is kept as <file>.before")
      .option("--all", "show every row"),
  async (context, global, system: string, given: Partial<ImportOptions> & { readonly yes?: boolean }) => {
    const [{ importFrom }, { loadText, loadConfig }] = await Promise.all([import("#cli/import.ts"), import("#config/load.ts")]);
    const input = loadInput(global);
    return importFrom(
      context,
      system,
      {
        dump: [],
        dispatcher: [],
        address: [],
        cfg: [],
        rtpengine: [],
        listen: [],
        carriers: "1",
        gateways: "2",
        out: undefined,
        apply: false,
        replace: false,
        all: false,
        ...given,
      },
      {
        readFile: (path) => readFileSync(path === "-" ? 0 : path, "utf8"),
        exists: existsSync,
        write: (path, text, keep) => {
          if (keep !== undefined) renameSync(path, keep);
          // It may hold passwords, as Kamailio's tables did.
          writeFileSync(path, text, { mode: 0o600 });
        },
        check: (text, file) => loadText(text, file, input),
        inForce: () => {
          const file = global.config ?? process.env["TANDEM_CONFIG"] ?? "tandem.yaml";
          if ((global.config !== undefined || process.env["TANDEM_CONFIG"] !== undefined) && !existsSync(file))
            return { file, listeners: undefined };
          const found = loadConfig(input);
          if (found.ok) return { file: found.config.file, listeners: [...found.config.snapshot.listeners.values()] };
          // Without any configuration the only problem names none.
          if (found.problems[0]?.file === "") return { file, listeners: undefined };
          throw new ControlError("CONFIGURATION", "the configuration that is there has problems; see tandem check");
        },
        apply: async (asked, text) => {
          const [{ apply }, { spoolApply, askPerson }] = await Promise.all([import("#cli/apply.ts"), import("./applying-main.ts")]);
          const { home, runDir } = await places(global);
          const spooled = spoolApply({
            file: "(imported)",
            text,
            home,
            config: global.config,
            tenant: undefined,
            prune: false,
            connect: () => connect(runDir),
          });
          try {
            return await apply(asked, {
              apply: spooled.apply,
              yes: given.yes === true,
              ask: asked.json || process.stdin.isTTY !== true ? undefined : askPerson,
            });
          } finally {
            spooled.remove();
          }
        },
      },
    );
  },
);

async function systemLocator(servers: readonly string[]) {
  const [{ createLocator }, { systemDns }, { systemClock }, { parseUri }] = await Promise.all([
    import("#sip/transport/location.ts"),
    import("#net/dns.ts"),
    import("#base/clock.ts"),
    import("#sip/message/parse-uri.ts"),
  ]);
  const locator = createLocator({ dns: systemDns({ servers }), clock: systemClock });
  return (uri: string) => {
    const parsed = parseUri(uri);
    return parsed.ok ? locator.locate(parsed.value, "") : ({ ok: false, code: "NO_HOST", detail: `${uri} is no SIP URI` } as const);
  };
}

command(
  "firewall",
  "what a firewall must let in for this configuration: SIP from whom it knows, RTP",
  (made) => made.option("--format <format>", "nft, ufw or iptables", "nft"),
  async (context, global, options: { format: string }) => {
    const [{ firewall }, loaded] = await Promise.all([import("#cli/firewall.ts"), loadWhole(global)]);
    const locate = await systemLocator(loaded.ok ? loaded.config.node.dnsServers : []);
    return firewall(context, loaded, options.format, async (uri) => {
      const located = await locate(uri);
      return located.ok ? [...new Set(located.targets.map(({ address }) => address))] : [];
    });
  },
);

command("status", "is it up, where does it listen, how much is going on", plain, (context) => status(context));
command("calls", "calls that are up now", plain, (context) => calls(context, Date.now()));
command(
  "trunks [name]",
  "trunks: how we are registered there, since when, why not; calls",
  (made) => made.option("--presets", "what is known of providers, for `preset:` in the configuration"),
  async (context, _global, name: string | undefined, options: { presets?: boolean }) => {
    const { presets, trunks } = await import("#cli/trunks.ts");
    return options.presets === true ? presets(context) : trunks(context, name, Date.now());
  },
);
command(
  "gateways [name-or-action] [name]",
  "groups and gateways: state, calls, probes, history; gateways drain <name>, gateways undrain <name>",
  plain,
  async (context, _global, first: string | undefined, second: string | undefined) => {
    const { drainGateway, gateways } = await import("#cli/gateways.ts");
    const action = first === "drain" || first === "undrain";
    if (!action && second === undefined) return gateways(context, first, Date.now());
    if (action && second !== undefined) return drainGateway(context, second, first === "drain");
    throw new ControlError(
      "USAGE",
      action ? `which one? tandem gateways ${first} <name>` : `"${first}" is no action; there are drain and undrain`,
    );
  },
);
command("reload", "read the configuration again; running calls are not touched", plain, async (context) => {
  const { reload } = await import("#cli/gateways.ts");
  return reload(context);
});
command(
  "apply",
  "declare resources of the store: shows what would change, checks it with all that is in force, puts it in force",
  (made) =>
    made
      .requiredOption("-f, --file <file>", "YAML with trunks, gateways, groups, dids, outbound; - is standard input")
      .option("--tenant <tenant>", "entries without a tenant are this one's, and no other's may be touched")
      .option("--prune", "remove what an earlier apply brought and the file no longer has")
      .option("-y, --yes", "without asking"),
  async (context, global, options: { file: string; tenant?: string; prune?: boolean; yes?: boolean }) => {
    const [{ apply }, { spoolApply, askPerson, readText }] = await Promise.all([import("#cli/apply.ts"), import("./applying-main.ts")]);
    const ask = context.json || process.stdin.isTTY !== true ? undefined : askPerson;
    const client = await remoteClient();
    if (client !== undefined) {
      const { remoteApply } = await import("#cli/remote.ts");
      const text = readText(options.file).toString("utf8");
      const send = remoteApply(client, { text, file: options.file, tenant: options.tenant, prune: options.prune === true });
      return apply(context, { apply: send, yes: options.yes === true, ask });
    }
    const { home, runDir } = await places(global);
    const spooled = spoolApply({
      file: options.file,
      home,
      config: global.config,
      tenant: options.tenant,
      prune: options.prune === true,
      connect: () => connect(runDir),
    });
    try {
      return await apply(context, {
        apply: spooled.apply,
        yes: options.yes === true,
        ask,
      });
    } finally {
      spooled.remove();
    }
  },
);
command(
  "export",
  "the resources of the store as YAML that apply takes back",
  (made) => made.option("--tenant <tenant>", "only this tenant's").option("--with-secrets", "passwords as they are, instead of hidden"),
  async (context, global, options: { tenant?: string; withSecrets?: boolean }) => {
    const client = await remoteClient();
    if (client !== undefined) {
      if (options.withSecrets === true) throw new ControlError("NOT_REMOTE", "passwords are only exported on the machine itself");
      const yaml = await (await import("#cli/remote.ts")).remoteExport(client, options.tenant);
      context.print(context.json ? JSON.stringify({ yaml }) : yaml.trimEnd());
      return 0;
    }
    const [{ exportResources }, { houseAt, readState }] = await Promise.all([import("#cli/apply.ts"), import("#store/database.ts")]);
    const { home } = await places(global);
    const read = async () => {
      try {
        return await readState(houseAt(home, process.env));
      } catch (error) {
        throw new ControlError("STORE", `resources in ${home} can't be read: ${error instanceof Error ? error.message : String(error)}`);
      }
    };
    return exportResources(context, await read(), { tenant: options.tenant, secrets: options.withSecrets === true });
  },
);
command(
  "token",
  "a token for the REST API (docs/api.md), good for some hours",
  (made) =>
    made
      .option("--role <role>", "owner, operator or viewer", "owner")
      .option("--tenant <tenant>", "for this tenant alone (default: every tenant)"),
  async (context, _global, options: { role: string; tenant?: string }) => {
    const { token } = await import("#cli/token.ts");
    return token(context, { role: options.role, tenant: options.tenant });
  },
);
command(
  "panel [action]",
  "where the panel is; build: its files from source",
  plain,
  async (context, _global, action: string | undefined) => {
    const { panel } = await import("#cli/panel.ts");
    return panel(context, fileURLToPath(new URL("..", import.meta.url)), action);
  },
);
command("secrets <action>", "rotate: passwords of the store are sealed by a new key", plain, async (context, global, action: string) => {
  const [{ secrets }, { rotateSecrets }, { home }] = await Promise.all([
    import("#cli/secrets.ts"),
    import("./secrets-main.ts"),
    places(global),
  ]);
  return secrets(context, action, () => rotateSecrets(home));
});
command("hangup <call>", "end a call", plain, (context, _global, id: string) => hangup(context, id));
command(
  "initiate <from> <to>",
  "call a number and connect it when it has answered; <from> is a number (DID) of one's own",
  (made) =>
    made
      .option("--trunk <trunk>", "by this trunk, its backups behind it")
      .option("--connect <where>", "group:<name>, gateway:<name> or a number (default: where calls to <from> go)")
      .option("--ring <seconds>", "how long it may ring"),
  async (context, _global, from: string, to: string, options: { trunk?: string; connect?: string; ring?: string }) => {
    const { initiate } = await import("#cli/placing.ts");
    return initiate(context, from, to, { trunk: options.trunk, connect: options.connect, ring: options.ring });
  },
);
command(
  "transfer <call> <to>",
  "replace one side of a running call: <to> is group:<name>, gateway:<name> or a number",
  (made) => made.option("--leg <leg>", "who is replaced, caller or callee (default: the gateway's side)"),
  async (context, _global, call: string, to: string, options: { leg?: string }) => {
    const { transfer } = await import("#cli/placing.ts");
    return transfer(context, call, to, options.leg);
  },
);

command(
  "cdr [call]",
  "how calls ended, newest first; one call with its attempts",
  (made) => made.option("-n, --limit <count>", "how many", "20").option("--number <number>", "only calls from or to this number"),
  async (context, global, callId: string | undefined, options: { limit: string; number?: string }) => {
    const question = { limit: Number.parseInt(options.limit, 10) || 20, callId, number: options.number };
    return cdr(context, () => readCdrs(global, question), question);
  },
);

async function readCdrs(global: Global, question: CdrQuestion): Promise<readonly Cdr[]> {
  if ((await remoteClient()) !== undefined) return (await controlOf(global)).ask<readonly Cdr[]>({ type: "cdr", ...question });
  const { home, runDir } = await places(global);
  try {
    return await (await connect(runDir)).ask<readonly Cdr[]>({ type: "cdr", ...question });
  } catch (error) {
    if (!(error instanceof ControlError) || error.code !== "NOT_RUNNING") throw error;
    // Nobody runs: the database is ours to read.
    const [{ databaseOf, openCdrStore }, { EVERY_TENANT }] = await Promise.all([
      import("#store/database.ts"),
      import("#store/cdr-store.ts"),
    ]);
    const store = await openCdrStore(databaseOf(home, process.env));
    try {
      return await store.list({ ...question, tenant: EVERY_TENANT });
    } finally {
      await store.close();
    }
  }
}

command(
  "route [number]",
  "where a call to this number would go, and what would be skipped and why; or why a past call went where it went",
  (made) =>
    made
      .option("--from <peer>", "trunk or gateway that the call comes from (default: the first trunk)")
      .option("--caller <number>", "the caller's number")
      .option("--replay <call>", "the decision of this call again, with the configuration of its time"),
  async (context, global, number: string | undefined, options: { from?: string; caller?: string; replay?: string }) => {
    if (options.replay !== undefined) {
      const [{ replay }, { replayCall }, { home }] = await Promise.all([
        import("#cli/replay.ts"),
        import("./replay-main.ts"),
        places(global),
      ]);
      const [record] = await readCdrs(global, { limit: 1, callId: options.replay, number: undefined });
      if (record === undefined) throw new ControlError("NO_SUCH_CALL", `no CDR of a call "${options.replay}"; tandem cdr lists them`);
      return replay(context, await replayCall(home, record));
    }
    if (number === undefined) throw new ControlError("USAGE", "which number? tandem route <number>, or tandem route --replay <call>");
    const question = { type: "route", number, from: options.from, caller: options.caller } as const;
    const decide = async (): Promise<RouteAnswer> => {
      const client = await remoteClient();
      if (client !== undefined) return (await import("#cli/remote-call.ts")).remoteRoute(client, question);
      const { runDir } = await places(global);
      try {
        return await (await connect(runDir)).ask<RouteAnswer>(question);
      } catch (error) {
        if (!(error instanceof ControlError) || error.code !== "NOT_RUNNING") throw error;
        return decideFromFile(global, question);
      }
    };
    return route(context, decide);
  },
);

async function decideFromFile(
  global: Global,
  question: { readonly number: string; readonly from: string | undefined; readonly caller: string | undefined },
): Promise<RouteAnswer> {
  const [loaded, { planCall }, { explainPlan }] = await Promise.all([
    loadWhole(global),
    import("#routing/plan-dial.ts"),
    import("#routing/explain.ts"),
  ]);
  if (!loaded.ok) throw new ControlError("CONFIGURATION", "no Tandem is running and the configuration has problems; see tandem check");
  const { snapshot } = loaded.config;
  const source =
    question.from === undefined
      ? [...snapshot.trunks.values()][0]
      : (snapshot.trunks.get(question.from) ?? snapshot.gateways.get(question.from));
  if (source === undefined)
    throw new ControlError(
      "NO_SUCH_PEER",
      question.from === undefined
        ? "there is no trunk; name where the call comes from with --from"
        : `no trunk or gateway "${question.from}"`,
    );
  const plan = planCall({
    snapshot,
    source,
    calledUser: question.number,
    callerUser: question.caller ?? "",
    healthOf: () => undefined,
    nowMs: Date.now(),
    dice: Math.random,
  });
  return { from: source.name, ...explainPlan(plan) };
}

command(
  "trace [call]",
  "a call as a ladder: by call id, its beginning, or SIP Call-ID; without one, the last call",
  (made) => made.option("-f, --follow", "live: draw it as it happens"),
  async (context, global, call: string | undefined, options: { follow?: boolean }) => {
    const { trace, follow } = await import("#cli/trace.ts");
    if (options.follow === true) return follow(context, call);
    return trace(context, call, async () => {
      const { home, runDir } = await places(global);
      try {
        return await (await connect(runDir)).ask({ type: "trace", call, follow: false });
      } catch (error) {
        if (!(error instanceof ControlError) || error.code !== "NOT_RUNNING") throw error;
        const { readLadder, LADDER_FOLDER } = await import("#observe/read-ladder.ts");
        return readLadder(join(home, LADDER_FOLDER), call);
      }
    });
  },
);

async function phoneFor(transports: readonly ("UDP" | "TCP")[], host: string, from?: string, peers: readonly Peer[] = []) {
  const [{ shelfFor }, { openPhone }, { createLocator }, { systemDns }, { systemClock }, { systemRandom }] = await Promise.all([
    import("./preflight-main.ts"),
    import("#phone/phone.ts"),
    import("#sip/transport/location.ts"),
    import("#net/dns.ts"),
    import("#base/clock.ts"),
    import("#base/random.ts"),
  ]);
  const shelf = shelfFor(peers);
  return openPhone(
    {
      tls: typeof shelf === "string" ? undefined : shelf,
      address: from ?? (await localAddressTowards(host, "127.0.0.1")),
      port: 0,
      transports,
      user: "tandem",
      clock: systemClock,
      random: systemRandom,
      makeLocator: (listeners) => createLocator({ dns: systemDns(), clock: systemClock, listeners }),
    },
    { type: "refuse", status: 480, reasonPhrase: "Temporarily Unavailable" },
  );
}

/** The address that the kernel would send from: a connected UDP socket knows it without sending. */
async function localAddressTowards<T>(host: string, otherwise: T): Promise<string | T> {
  const { createSocket } = await import("node:dgram");
  const { lookup } = await import("node:dns/promises");
  const found = await lookup(host).catch(() => undefined);
  if (found === undefined) return otherwise;
  return new Promise((resolve) => {
    const socket = createSocket(found.family === 6 ? "udp6" : "udp4");
    socket.on("error", () => resolve(otherwise));
    socket.connect(9, found.address, () => {
      const { address } = socket.address();
      socket.close(() => resolve(address));
    });
  });
}

const hostOf = (uri: string): string => /^(?:sips?:)?(?:[^@]*@)?(\[[^\]]+\]|[^:;?>]+)/i.exec(uri)?.[1]?.replace(/^\[|\]$/g, "") ?? "";

command(
  "why [call]",
  "what went wrong in a call, the evidence, and what to do; without one, the last call",
  plain,
  async (context, global, call: string | undefined) => {
    const { why, tellWhy } = await import("#cli/why.ts");
    const client = await remoteClient();
    if (client !== undefined) {
      return tellWhy(context, await (await import("#cli/remote-call.ts")).remoteWhy(client, call));
    }
    const running = async <T>(ask: Parameters<Control["ask"]>[0], otherwise: () => Promise<T>): Promise<T> => {
      try {
        return await (await context.control()).ask<T>(ask);
      } catch (error) {
        if (!(error instanceof ControlError) || error.code !== "NOT_RUNNING") throw error;
        return otherwise();
      }
    };
    return why(context, call, {
      trace: (asked) =>
        running({ type: "trace", call: asked, follow: false }, async () => {
          const { readLadder, LADDER_FOLDER } = await import("#observe/read-ladder.ts");
          return readLadder(join((await places(global)).home, LADDER_FOLDER), asked);
        }),
      record: async (callId) => (await readCdrs(global, { limit: 1, callId, number: undefined }))[0],
      trunks: () => running({ type: "trunks" }, async () => []),
      refusals: () => running({ type: "refusals" }, async () => []),
    });
  },
);

command(
  "preflight <peer>",
  "everything between us and a trunk or gateway: DNS, port, OPTIONS, REGISTER, digest, codecs, addresses, numbers",
  plain,
  async (context, global, name: string) => {
    const [{ preflight }, loaded, { networkInterfaces }] = await Promise.all([
      import("#cli/preflight.ts"),
      loadWhole(global),
      import("node:os"),
    ]);
    if (!loaded.ok) throw new ControlError("CONFIGURATION", "the configuration has problems; see tandem check");
    const [locate, { preflightAsk, shakeHands, tryConnect }] = await Promise.all([
      systemLocator(loaded.config.node.dnsServers),
      import("./preflight-main.ts"),
    ]);
    // All of 127/8 is this machine's.
    const deviceOf = (own: string): string | undefined =>
      own.startsWith("127.")
        ? "lo"
        : Object.entries(networkInterfaces()).find(([, faces]) => faces?.some(({ address }) => address === own))?.[0];
    return preflight(context, loaded.config.snapshot, name, {
      locate: async (uri) => {
        const located = await locate(uri);
        return located.ok ? located : { ok: false, reason: `${located.code}: ${located.detail}` };
      },
      localAddressTowards: (address) => localAddressTowards(address, undefined),
      isLocal: (address) => deviceOf(address) !== undefined || address === "0.0.0.0" || address === "::",
      sameDevice: (a, b) => deviceOf(a) !== undefined && deviceOf(a) === deviceOf(b),
      connect: tryConnect,
      shake: shakeHands,
      ask: (method, peer, from, withAccount) =>
        preflightAsk(method, peer, withAccount, (host) =>
          phoneFor(["UDP", "TCP"], host, from === "0.0.0.0" || from === "::" ? undefined : from, [peer]),
        ),
      trunks: async () => {
        try {
          return await (await context.control()).ask({ type: "trunks" });
        } catch (error) {
          if (error instanceof ControlError) return undefined;
          throw error;
        }
      },
    });
  },
);

command("ping <sip-uri>", "does it answer OPTIONS, and how quickly", plain, async (context, _global, uri: string) => {
  const { ping } = await import("#cli/phone.ts");
  const phone = await phoneFor(["UDP", "TCP"], hostOf(uri));
  return ping(context, uri, (full) => phone.ping(full));
});

command(
  "call <number-or-uri>",
  "place a test call: speaks, listens, says whether it came back",
  (made) =>
    made
      .option("--trunk <name>", "as if it came from this trunk (default: the first)")
      .option("--play <file.wav>", "8000 Hz mono; default: a short sentence of our own")
      .option("--record <file.wav>", "keep what came back")
      .option("--timeout <seconds>", "how long to wait for an answer", "60"),
  async (context, _global, destination: string, options: { trunk?: string; play?: string; record?: string; timeout: string }) => {
    const [{ call }, { readWav, writeWav }, { ulawToLinear }, { HEARD_FROM, correlate }] = await Promise.all([
      import("#cli/phone.ts"),
      import("#phone/wav.ts"),
      import("#media/codec/g711.ts"),
      import("#phone/correlate.ts"),
    ]);
    const file = options.play ?? new URL("./phone/speech.wav", import.meta.url);
    let wav: Buffer;
    try {
      wav = readFileSync(file);
    } catch (error) {
      throw new ControlError("NO_FILE", `--play ${String(file)}: ${(error as Error).message}`);
    }
    const speech = readWav(wav);
    if (!speech.ok)
      throw new ControlError("BAD_WAV", `--play ${String(file)}: ${speech.reason}; convert it with: sox in.wav -r 8000 -c 1 out.wav`);
    return call(context, destination, options.trunk, async (uri, onProgress) => {
      const phone = await phoneFor(["UDP", "TCP"], hostOf(uri));
      const report = await phone.call({
        uri,
        ulaw: speech.value,
        tailMs: 500,
        answerTimeoutMs: 1000 * (Number.parseInt(options.timeout, 10) || 60),
        onProgress,
      });
      const { correlation } = correlate(ulawToLinear(speech.value), ulawToLinear(report.recording));
      if (options.record !== undefined) writeFileSync(options.record, writeWav(report.recording));
      const { recording: _, ...rest } = report;
      return { ...rest, correlation, heard: correlation >= HEARD_FROM, recording: options.record ?? "" };
    });
  },
);

command(
  "demo",
  "a real call through a real Tandem on this machine: no root, no peers",
  (made) =>
    made
      .option("--keep", "leave Tandem running afterwards, to look around")
      .addOption(new Option("--stop-media", "stop the media process in mid-call: nothing must be heard").hideHelp()),
  async (context, _global, options: { keep?: boolean; stopMedia?: boolean }) => {
    const [{ demo }, { renderLadder }] = await Promise.all([import("./demo-main.ts"), import("#observe/render-ladder.ts")]);
    const { look } = context;
    return demo({
      context,
      connect,
      renderLadder: (events) => renderLadder(events, { columns: look.columns, colour: look.terminal }),
      stopMedia: options.stopMedia === true,
      keep: options.keep === true,
    });
  },
);

if (process.argv.length <= 2) program.outputHelp();
else await program.parseAsync();
