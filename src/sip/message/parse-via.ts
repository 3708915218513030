/** Via values (RFC 3261 §20.42), with rport (RFC 3581) and IPv6 in `received` with or without brackets (RFC 5118 §4.5). */
import { type Parsed, malformed, parsed } from "#base/bytes.ts";
import { PORT_MAX } from "./limits.ts";
import { isTokenCode, parseDecimal, skipBlanks } from "./characters.ts";
import type { Via } from "./message.ts";
import { readHostPort, writeHostPort } from "./parse-host.ts";
import { parseParameters, writeParameters } from "./parse-parameters.ts";

/** RFC 3261 §8.1.1.7: a branch that starts so identifies the transaction. */
export const MAGIC_COOKIE = "z9hG4bK";

/** @param text one value, trimmed */
export function parseVia(text: string): Parsed<Via> {
  // The usual spelling; any other way to put white space around "/" is read by expression.
  const plain = text.startsWith("SIP/2.0/");
  const prefix = plain ? 8 : (/^SIP\s*\/\s*2\.0\s*\/\s*/i.exec(text)?.[0].length ?? -1);
  if (prefix < 0) return malformed("Via does not start with SIP/2.0/", 0);
  let at = prefix;
  while (at < text.length && isTokenCode(text.charCodeAt(at))) at++;
  if (at === prefix) return malformed("Via without a transport", at);
  const transport = transportName(text.slice(prefix, at));
  const hostStart = skipBlanks(text, at);
  if (hostStart === at) return malformed("no space before the sent-by of a Via", at);
  const hostPort = readHostPort(text, hostStart);
  if (hostPort === undefined) return malformed("bad sent-by in a Via", hostStart);
  const parameters = parseParameters(text, hostPort.end);
  if (!parameters.ok) return parameters;
  const rport = readRport(parameters.value);
  if (rport === undefined) return malformed("bad rport in a Via", hostPort.end);
  return parsed({
    transport,
    host: hostPort.host,
    port: hostPort.port,
    branch: parameters.value.get("branch") ?? "",
    rport,
    received: withoutBrackets(parameters.value.get("received")),
    parameters: parameters.value,
  });
}

/** Constants for the usual ones: no slice of the message stays alive by them. */
function transportName(text: string): string {
  if (text === "UDP" || text === "TCP" || text === "TLS") return text;
  return text.toUpperCase();
}

function readRport(parameters: Via["parameters"]): Via["rport"] | undefined {
  const value = parameters.get("rport");
  // "rport=" without digits is sent by some and means the flag.
  if (value === undefined || value === "") return parameters.has("rport") ? "requested" : "absent";
  return parseDecimal(value, PORT_MAX);
}

const withoutBrackets = (address: string | undefined): string | undefined =>
  address !== undefined && address.startsWith("[") && address.endsWith("]") ? address.slice(1, -1) : address;

/** The text of a Via from transport, sent-by and `parameters`; branch, rport and received count only as parameters. */
export function writeVia(via: Pick<Via, "transport" | "host" | "port" | "parameters">): string {
  return `SIP/2.0/${via.transport} ${writeHostPort(via.host, via.port)}${writeParameters(via.parameters)}`;
}
