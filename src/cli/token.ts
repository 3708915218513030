/** `tandem token`: a token for the API, for whoever may use the control socket; nothing else on standard output. */
import type { TokenReport } from "#call/control.ts";
import { type CommandContext, ControlError, EXIT_OK } from "./context.ts";
import { clockTime } from "./table.ts";

const ROLES = ["owner", "operator", "viewer"] as const;

export interface TokenWish {
  readonly role: string;
  readonly tenant: string | undefined;
}

export async function token(context: CommandContext, { role, tenant }: TokenWish): Promise<number> {
  const known = ROLES.find((one) => one === role);
  if (known === undefined) throw new ControlError("USAGE", `"${role}" is no role; there are ${ROLES.join(", ")}`);
  const report = await (await context.control()).ask<TokenReport>({ type: "token", role: known, tenant });
  if (context.json) context.print(JSON.stringify(report));
  else {
    context.print(report.token);
    context.warn(`for ${report.url ?? "the API, which is off: node.api in tandem.yaml"}, until ${clockTime(report.expiresAtMs)} UTC`);
  }
  return EXIT_OK;
}
