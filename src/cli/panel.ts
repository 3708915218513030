/**
 * `tandem panel`: where the panel is; `tandem panel build`: its files from source, with the tools that this needs brought
 * by npm the first time. The files in panel/dist are all that a machine needs that is to show it.
 */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { TokenReport } from "#call/control.ts";
import { type CommandContext, ControlError, EXIT_FAILED, EXIT_OK } from "./context.ts";

const NPM_INSTALL = [
  "install",
  "--no-audit",
  "--no-fund",
  "--no-save",
  "--loglevel=error",
  "--workspace",
  "panel",
  "--include-workspace-root",
];

/** @param root the checkout */
export async function panel(context: CommandContext, root: string, action: string | undefined): Promise<number> {
  if (action === "build") return build(context, root);
  if (action !== undefined) throw new ControlError("USAGE", `"${action}" is nothing that tandem panel does; tandem panel build builds it`);
  const { url } = await (await context.control()).ask<TokenReport>({ type: "token", role: "viewer", tenant: undefined });
  const isBuilt = existsSync(join(root, "panel/dist/index.html"));
  if (context.json) context.print(JSON.stringify({ url: url ?? null, isBuilt }));
  else context.print(url === undefined ? "the API is off, and the panel with it: node.api in tandem.yaml" : `${url}/`);
  if (!isBuilt) context.warn("it isn't built yet: tandem panel build");
  return url === undefined ? EXIT_FAILED : EXIT_OK;
}

async function build({ warn, print, json }: CommandContext, root: string): Promise<number> {
  const vite = join(root, "node_modules/.bin/vite");
  if (!existsSync(vite)) {
    warn("bringing what builds the panel (once)");
    if (!(await runs("npm", NPM_INSTALL, root))) {
      warn("npm install failed; the lines above say why. A panel/dist built elsewhere can be copied here instead");
      return EXIT_FAILED;
    }
  }
  if (!(await runs(vite, ["build", "--logLevel", "warn"], join(root, "panel")))) {
    warn("the panel was not built; the lines above say why");
    return EXIT_FAILED;
  }
  const folder = join(root, "panel/dist");
  print(json ? JSON.stringify({ folder }) : `built into ${folder}; a running Tandem serves it at once`);
  return EXIT_OK;
}

/** What it says goes to standard error: ours is for the answer. */
function runs(program: string, args: readonly string[], cwd: string): Promise<boolean> {
  return new Promise((resolve) => {
    const child = spawn(program, args, { cwd, stdio: ["ignore", 2, 2] });
    child.on("error", () => resolve(false));
    child.on("exit", (code) => resolve(code === 0));
  });
}
