/** A MariaDB of a laboratory's own: data, socket and port in its places, gone with it. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Host, Lab } from "./lab.ts";

export interface MariaDb {
  /** Root on its socket; throws what the server said. @returns tab-separated rows */
  sql(text: string, database?: string): Promise<string>;
  /** As an administrator takes it: mariadb-dump of these tables. */
  dump(database: string, tables: readonly string[]): Promise<string>;
  readonly port: number;
}

const PORT = 3306;
const READY_MS = 60_000;
const SMALL = ["--innodb-log-file-size=8M", "--innodb-buffer-pool-size=16M"];

export async function startMariaDb(lab: Lab, host: Host): Promise<MariaDb> {
  const folder = join(lab.folder, "mariadb");
  mkdirSync(folder);
  const [data, socket] = [join(folder, "data"), join(folder, "socket")];
  // Its server refuses to be root's unless it is told so.
  const user = process.getuid?.() === 0 ? ["--user=root"] : [];
  const made = await lab.run(
    host,
    "mariadb-install-db",
    ["--no-defaults", ...user, `--datadir=${data}`, "--auth-root-authentication-method=normal", "--skip-test-db", ...SMALL],
    READY_MS,
  );
  if (made.code !== 0) throw new Error(`mariadb-install-db: ${made.output}`);
  const child = lab.start(host, "mariadbd", [
    "--no-defaults",
    ...user,
    `--datadir=${data}`,
    `--socket=${socket}`,
    `--pid-file=${join(folder, "pid")}`,
    `--bind-address=${host.address}`,
    `--port=${PORT}`,
    "--skip-name-resolve",
    ...SMALL,
  ]);
  lab.atEnd(async () => {
    child.kill("SIGTERM");
    await child.ended;
  });
  await child.says(/ready for connections/, READY_MS);
  const client = async (program: string, args: readonly string[]): Promise<string> => {
    const { code, output } = await lab.run(host, program, ["--no-defaults", `--socket=${socket}`, "--user=root", ...args], READY_MS);
    if (code !== 0) throw new Error(`${program}: ${output}`);
    return output;
  };
  return {
    sql: (text, database) =>
      client("mariadb", ["--batch", "--skip-column-names", ...(database === undefined ? [] : [database]), "--execute", text]),
    dump: (database, tables) => client("mariadb-dump", [database, ...tables]),
    port: PORT,
  };
}
