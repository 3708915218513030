/**
 * Which addresses the API may call out to. A URL that a tenant gave must not reach what only this machine or its network
 * reaches: loopback, private, link-local (cloud metadata) and all else that is not the internet (IANA special-purpose
 * registries, RFC 6890). A name is judged by all its addresses, and the connection goes to those that were judged.
 */
import { lookup as systemLookup } from "node:dns";
import { BlockList, type LookupFunction, isIP, isIPv6 } from "node:net";

const inside = new BlockList();
for (const [network, bits] of [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["192.88.99.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
  ["224.0.0.0", 3],
] as const)
  inside.addSubnet(network, bits, "ipv4");
/** Of IPv6 only global unicast is the internet, without what tunnels or translates into IPv4, and documentation. */
const outside6 = new BlockList();
outside6.addSubnet("2000::", 3, "ipv6");
const inside6 = new BlockList();
for (const [network, bits] of [
  ["2001::", 23],
  ["2001:db8::", 32],
  ["2002::", 16],
  ["3fff::", 20],
] as const)
  inside6.addSubnet(network, bits, "ipv6");

/** @param address IPv4 or IPv6 in text; anything else is not public */
export function isPublicAddress(address: string): boolean {
  const bare = address.replace(/%.*$/, "");
  if (isIP(bare) === 4) return !inside.check(bare, "ipv4");
  if (!isIPv6(bare)) return false;
  return outside6.check(bare, "ipv6") && !inside6.check(bare, "ipv6");
}

export class PrivateAddressError extends Error {
  override readonly name = "PrivateAddressError";
}

const refusal = (host: string, address: string): PrivateAddressError =>
  new PrivateAddressError(
    `${host} is ${address === host ? "" : `${address}, `}an address of a private network; node.webhooks.allow_private in tandem.yaml lets such be called`,
  );

/** What is wrong with a URL to call, before any name is looked up; undefined: nothing. */
export function urlProblem(text: string, allowPrivate: boolean): string | undefined {
  const url = URL.parse(text);
  if (url === null) return "no URL; e.g. https://example.com/tandem";
  if (url.protocol !== "https:" && url.protocol !== "http:") return "https:// or http://";
  if (url.username !== "" || url.password !== "") return "a user or password can't be in it; the signature proves who calls";
  const host = url.hostname.replace(/^\[|\]$/g, "");
  if (host === "") return "it names no host";
  if (!allowPrivate && isIP(host) !== 0 && !isPublicAddress(host)) return refusal(host, host).message;
  return undefined;
}

/** For http.request: refuses a name that has any private address, and gives the addresses that it looked at. */
export function publicLookup(allowPrivate: boolean, lookup: typeof systemLookup = systemLookup): LookupFunction {
  return (host, options, done) => {
    lookup(host, { ...options, all: true }, (error, addresses) => {
      if (error !== null) return done(error, []);
      const hidden = allowPrivate ? undefined : addresses.find(({ address }) => !isPublicAddress(address));
      if (hidden !== undefined) return done(refusal(host, hidden.address), []);
      if (options.all === true) return done(null, addresses);
      const first = addresses[0];
      if (first === undefined) return done(new Error(`${host} has no address`), []);
      done(null, first.address, first.family);
    });
  };
}
