/** `tandem status`: is it up, what does it listen on, how much is going on. */
import type { StatusReport } from "#call/control.ts";
import { type CommandContext, EXIT_OK } from "./context.ts";
import { clockTime, paint } from "./table.ts";

const SOON_DAYS = 21;

export async function status(context: CommandContext): Promise<number> {
  const control = await context.control();
  const report = await control.ask<StatusReport>({ type: "status" });
  if (context.json) {
    context.print(JSON.stringify(report));
    return EXIT_OK;
  }
  const { look } = context;
  context.print(
    paint(
      look,
      "bold",
      `Tandem ${report.version}, node ${report.node}, process ${report.pid}, up since ${clockTime(report.startedAtMs)} UTC`,
    ),
  );
  context.print(`configuration ${report.configGeneration} from ${report.configFile}`);
  context.print(`calls ${report.calls} of at most ${report.callsMax}`);
  context.print(
    `media ${report.media.engine}: ${paint(look, report.media.up ? "green" : "red", report.media.up ? "up" : "DOWN")} ${report.media.detail}`,
  );
  for (const listener of report.listeners)
    context.print(`listener ${listener.name}: ${listener.address} ${listener.transports.join(", ")}`);
  for (const { of, names, notAfterMs } of report.certificates) {
    const days = Math.floor((notAfterMs - Date.now()) / 86_400_000);
    const until = `until ${new Date(notAfterMs).toISOString().slice(0, 10)}${days < 0 ? ", EXPIRED" : days < SOON_DAYS ? `, in ${days} days` : ""}`;
    context.print(`certificate of ${of}: ${names.join(", ")}, ${paint(look, days < SOON_DAYS ? "red" : "green", until)}`);
  }
  const { registered, of } = report.registrations;
  if (of > 0)
    context.print(
      `registered ${paint(look, registered === of ? "green" : "red", `at ${registered} of ${of} providers`)}${registered === of ? "" : "; tandem trunks says why"}`,
    );
  const counted = Object.entries(report.counters).filter(([, value]) => value !== 0);
  const width = Math.max(0, ...counted.map(([name]) => name.length));
  context.print(paint(look, "dim", "since the process started:"));
  for (const [name, value] of counted) context.print(`  ${name.padEnd(width)}  ${value}`);
  return EXIT_OK;
}
