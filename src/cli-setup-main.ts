/** Commands that start Tandem and give it what it has: configuration, resources, secrets, tokens, the panel's files. */
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { ControlError, EXIT_USAGE } from "#cli/context.ts";
import type { ImportOptions } from "#cli/import.ts";
import { command, type CommandLine, connect, loadInput, loadToStart, loadWhole, places, plain, remoteClient } from "./cli-context-main.ts";

const many = (value: string, before: readonly string[] = []): readonly string[] => [
  ...before,
  ...value.split(",").filter((one) => one !== ""),
];

export const SETUP_COMMANDS: readonly CommandLine[] = [
  command("start", "start the switch: supervisor, signalling, media", plain, async (context, global) => {
    const [{ start }, { becomeSupervisor }] = await Promise.all([import("#cli/start.ts"), import("./supervise-main.ts")]);
    const loaded = await loadToStart(global);
    return start(context, loaded, () => {
      if (!loaded.ok) return Promise.resolve(EXIT_USAGE);
      const { node, file } = loaded.config;
      const { engine, workers, coalesceUs, sockets } = node.media;
      return becomeSupervisor({
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
        quiet: context.json,
      });
    });
  }),
  command(
    "check",
    "check the configuration: every problem with its line and remedy; who is recognised how",
    plain,
    async (context, global) => {
      const { check } = await import("#cli/start.ts");
      return check(context, await loadWhole(global));
    },
  ),
  command("reload", "read the configuration again; running calls are not touched", plain, async (context) => {
    const { reload } = await import("#cli/gateways.ts");
    return reload(context);
  }),
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
  ),
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
  ),
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
  ),
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
  ),
  command(
    "panel [action]",
    "where the panel is; build: its files from source",
    plain,
    async (context, _global, action: string | undefined) => {
      const { panel } = await import("#cli/panel.ts");
      return panel(context, fileURLToPath(new URL("..", import.meta.url)), action);
    },
  ),
  command("secrets <action>", "rotate: passwords of the store are sealed by a new key", plain, async (context, global, action: string) => {
    const [{ secrets }, { rotateSecrets }, { home }] = await Promise.all([
      import("#cli/secrets.ts"),
      import("./secrets-main.ts"),
      places(global),
    ]);
    return secrets(context, action, () => rotateSecrets(home));
  }),
];
