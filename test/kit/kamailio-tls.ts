/** Kamailio's tls module as the other side: a proxy that speaks TLS to Tandem and UDP to a phone, both ways. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { MadeCertificate } from "./certificates.ts";
import type { Child } from "./child.ts";
import { startKamailioWith } from "./kamailio.ts";
import type { Host, Lab } from "./lab.ts";

export interface TlsProxyOptions {
  /** Where what comes by TLS goes, over UDP: "address:port". */
  readonly phone: string;
  /** Where everything else goes, over TLS: "address:port". */
  readonly tandem: string;
  readonly own: MadeCertificate;
  /** File of who signs those that it believes. */
  readonly ca: string;
  /** It takes nobody without a certificate. */
  readonly requires?: boolean;
}

export function startTlsProxy(lab: Lab, host: Host, { phone, tandem, own, ca, requires = false }: TlsProxyOptions): Promise<Child> {
  const terms = join(lab.folder, `tls-${host.name}.cfg`);
  const certificates = `certificate = ${own.certificate}\nprivate_key = ${own.key}\nca_list = ${ca}\n`;
  const asks = requires ? "verify_certificate = yes\nrequire_certificate = yes\n" : "verify_certificate = no\nrequire_certificate = no\n";
  writeFileSync(
    terms,
    `[server:default]\nmethod = TLSv1.2+\n${asks}${certificates}\n[client:default]\nmethod = TLSv1.2+\nverify_certificate = yes\nrequire_certificate = yes\n${certificates}`,
  );
  return startKamailioWith(lab, host, {
    "tls-proxy.cfg": `#!KAMAILIO
debug=2
log_stderror=yes
children=1
tcp_children=1
auto_aliases=no
dns=no
rev_dns=no
enable_tls=yes
listen=udp:${host.address}:5060
listen=tcp:${host.address}:5060
listen=tls:${host.address}:5061
tcp_source_ipv4=${host.address}
loadmodule "tls.so"
${["tm", "sl", "rr", "pv", "maxfwd", "textops", "siputils", "xlog"].map((module) => `loadmodule "${module}.so"\n`).join("")}
modparam("tls", "config", "${terms}")
modparam("rr", "enable_double_rr", 1)
modparam("tm", "fr_timer", 5000)
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
  if (is_method("OPTIONS") && $rU == $null) { sl_send_reply("200", "Alive"); exit; }
  record_route();
  if (proto == TLS) $ru = "sip:" + $rU + "@${phone};transport=udp";
  else $ru = "sip:" + $rU + "@${tandem};transport=tls";
  t_relay();
}
`,
  });
}

export interface TlsRegistrarOptions {
  readonly domain: string;
  readonly password: string;
  readonly own: MadeCertificate;
}

/** A provider that is registered with over TLS, asks for a password, and calls back on the same connection. */
export function startTlsRegistrar(lab: Lab, host: Host, { domain, password, own }: TlsRegistrarOptions): Promise<Child> {
  const modules = ["tm", "sl", "rr", "pv", "maxfwd", "textops", "siputils", "xlog", "auth", "usrloc", "registrar", "nathelper"];
  return startKamailioWith(lab, host, {
    "tls-registrar.cfg": `#!KAMAILIO
debug=2
log_stderror=yes
children=1
tcp_children=1
auto_aliases=no
dns=no
rev_dns=no
enable_tls=yes
alias=${domain}
listen=udp:${host.address}:5060
listen=tcp:${host.address}:5060
listen=tls:${host.address}:5061
loadmodule "tls.so"
${modules.map((module) => `loadmodule "${module}.so"\n`).join("")}
modparam("tls", "tls_method", "TLSv1.2+")
modparam("tls", "certificate", "${own.certificate}")
modparam("tls", "private_key", "${own.key}")
modparam("usrloc", "db_mode", 0)
modparam("registrar", "received_avp", "$avp(received)")
modparam("nathelper", "received_avp", "$avp(received)")
modparam("rr", "enable_double_rr", 1)
request_route {
  if (!mf_process_maxfwd_header("20")) { sl_send_reply("483", "Too Many Hops"); exit; }
  force_rport();
  if (is_method("CANCEL")) { if (t_check_trans()) t_relay(); exit; }
  if (has_totag()) {
    # Our Contact names a port that nobody listens on: the connection is what leads back.
    if (loose_route()) { handle_ruri_alias(); t_relay(); exit; }
    if (is_method("ACK")) { if (t_check_trans()) t_relay(); exit; }
    sl_send_reply("404", "Not here");
    exit;
  }
  t_check_trans();
  if (is_method("OPTIONS")) { sl_send_reply("200", "Alive"); exit; }
  if (is_method("REGISTER")) {
    if (proto != TLS) { sl_send_reply("403", "TLS only"); exit; }
    if (!pv_www_authenticate("${domain}", "${password}", "0")) { www_challenge("${domain}", "1"); exit; }
    fix_nated_register();
    save("location");
    exit;
  }
  record_route();
  if (!lookup("location")) { sl_send_reply("404", "No such user"); exit; }
  t_on_reply("BACK");
  t_relay();
}
onreply_route[BACK] {
  if (proto == TLS) add_contact_alias();
}
`,
  });
}
