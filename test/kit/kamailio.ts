/**
 * Runs Kamailio in a laboratory: as a provider with a registrar, or as the carrier's proxy. As a proxy it stands
 * between the carrier's phones and Tandem, record-routes every dialog (RFC 3261 §16.6 step 4) and routes by Route headers inside them. Where the two
 * sides speak different transports it adds two Record-Route headers, one for each side.
 */
import { accessSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Child } from "./child.ts";
import type { Host, Lab } from "./lab.ts";

export interface ProxyOptions {
  /** Where the carrier's phone is, "address:port". */
  readonly phone: string;
  /** Tandem's listener on the carrier's side. */
  readonly tandem: string;
  readonly transportToTandem: "udp" | "tcp";
}

/** Debian keeps the modules below a folder of the architecture. */
const MODULE_FOLDERS = [
  "/usr/lib/x86_64-linux-gnu/kamailio/modules",
  "/usr/lib/aarch64-linux-gnu/kamailio/modules",
  "/usr/lib64/kamailio/modules",
  "/usr/lib/kamailio/modules",
];
const READY_MS = 20_000;
let started = 0;

function moduleFolder(): string {
  const found = MODULE_FOLDERS.find((folder) => {
    try {
      accessSync(folder);
      return true;
    } catch {
      return false;
    }
  });
  if (found === undefined) throw new Error(`Kamailio's modules are in none of ${MODULE_FOLDERS.join(", ")}`);
  return found;
}

const routing = ({ phone, tandem, transportToTandem }: ProxyOptions): string => `
request_route {
  if (!mf_process_maxfwd_header("20")) { sl_send_reply("483", "Too Many Hops"); exit; }
  force_rport();
  if (is_method("CANCEL")) { if (t_check_trans()) t_relay(); exit; }
  if (has_totag()) {
    if (loose_route()) { xlog("L_NOTICE", "loose $rm from $si\\n"); t_relay(); exit; }
    if (is_method("ACK")) { if (t_check_trans()) t_relay(); exit; }
    xlog("L_NOTICE", "no route in $rm from $si\\n");
    sl_send_reply("404", "Not here");
    exit;
  }
  t_check_trans();
  if (is_method("OPTIONS") && $rU == $null) { sl_send_reply("200", "Alive"); exit; }
  record_route();
  if ($si == "${tandem.split(":")[0]}") $ru = "sip:" + $rU + "@${phone};transport=udp";
  else $ru = "sip:" + $rU + "@${tandem};transport=${transportToTandem}";
  t_relay();
}
`;

export const startKamailio = (lab: Lab, host: Host, options: ProxyOptions): Promise<Child> => runKamailio(lab, host, [], routing(options));

export interface RegistrarOptions {
  /** Domain of its users and realm of its challenges. */
  readonly domain: string;
  readonly password: string;
  /** Where calls to numbers with a plus go, "address:port"; its calls are not challenged. */
  readonly phone: string;
}

/** A provider: asks for a password to register and to call, keeps bindings in memory (RFC 3261 §10.3, §22). */
export const startRegistrar = (lab: Lab, host: Host, { domain, password, phone }: RegistrarOptions): Promise<Child> =>
  runKamailio(
    lab,
    host,
    ["auth", "usrloc", "registrar"],
    `
alias=${domain}
modparam("usrloc", "db_mode", 0)
modparam("auth", "nonce_count", 1)
modparam("auth", "qop", "auth")
modparam("auth", "nonce_expire", 30)
modparam("registrar", "min_expires", 60)
request_route {
  if (!mf_process_maxfwd_header("20")) { sl_send_reply("483", "Too Many Hops"); exit; }
  force_rport();
  if (is_method("CANCEL")) { if (t_check_trans()) t_relay(); exit; }
  if (has_totag()) {
    if (loose_route()) { t_relay(); exit; }
    if (is_method("ACK")) { if (t_check_trans()) t_relay(); exit; }
    sl_send_reply("404", "Not here");
    exit;
  }
  t_check_trans();
  if (is_method("OPTIONS")) { sl_send_reply("200", "Alive"); exit; }
  if (is_method("REGISTER")) {
    if (!pv_www_authenticate("${domain}", "${password}", "0")) { www_challenge("${domain}", "1"); exit; }
    save("location");
    exit;
  }
  if ($si != "${phone.split(":")[0]}") {
    if (!pv_proxy_authenticate("${domain}", "${password}", "0")) { proxy_challenge("${domain}", "1"); exit; }
    consume_credentials();
  }
  record_route();
  if ($rU =~ "^[+]") { $ru = "sip:" + $rU + "@${phone}"; t_relay(); exit; }
  if (!lookup("location")) { sl_send_reply("404", "No such user"); exit; }
  t_relay();
}
`,
  );

async function runKamailio(lab: Lab, host: Host, more: readonly string[], script: string): Promise<Child> {
  const modules = ["tm", "sl", "rr", "pv", "maxfwd", "textops", "siputils", "xlog", ...more];
  const config = `#!KAMAILIO
debug=2
log_stderror=yes
children=1
tcp_children=1
auto_aliases=no
dns=no
rev_dns=no
listen=udp:${host.address}:5060
listen=tcp:${host.address}:5060
tcp_source_ipv4=${host.address}
${modules.map((module) => `loadmodule "${module}.so"\n`).join("")}
modparam("rr", "enable_double_rr", 1)
modparam("tm", "fr_timer", 5000)
${script}`;
  return startKamailioWith(lab, host, { "proxy.cfg": config });
}

/** With a configuration of one's own: the first of the files, which may include the others. It must listen on TCP 5060 of the host. */
export async function startKamailioWith(lab: Lab, host: Host, files: Readonly<Record<string, string>>): Promise<Child> {
  const folder = join(lab.folder, `kamailio${started++}`);
  mkdirSync(folder);
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  const file = join(folder, Object.keys(files)[0]!);
  const child = lab.start(host, "kamailio", [
    "-f",
    file,
    "-L",
    moduleFolder(),
    "-DD",
    "-E",
    "-m",
    "32",
    "-M",
    "4",
    "-Y",
    folder,
    "-P",
    join(folder, "pid"),
  ]);
  // Its children end with it only when it is asked politely.
  lab.atEnd(async () => {
    child.kill("SIGTERM");
    await child.ended;
  });
  await listening(lab, host, child);
  return child;
}

/** Kamailio says nothing when it is ready, so its listener is tried. */
async function listening(lab: Lab, host: Host, child: Child): Promise<void> {
  const tries = READY_MS / 200;
  const probe = `
    const { connect } = require("node:net");
    let left = ${tries};
    const look = () => connect({ host: "${host.address}", port: 5060 }, () => process.exit(0)).on("error", () => (left-- > 0 ? setTimeout(look, 200) : process.exit(1)));
    look();`;
  const { code } = await lab.run(host, process.execPath, ["-e", probe], READY_MS);
  if (code !== 0) throw new Error(`Kamailio did not listen. It said:\n${child.output().slice(-3000)}`);
}
