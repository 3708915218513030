/**
 * How a webhook's receiver knows that it is us, and that it is not an old request again:
 * `X-Tandem-Signature: t=<unix seconds>,v1=<hex HMAC-SHA256 of "<t>.<body>">`, as docs/webhooks.md says.
 * Secrets are worked out from the node's key, so that none is stored.
 */
import { createHmac } from "node:crypto";

const SECRET_PREFIX = "whsec_";

const derive = (key: Uint8Array, what: string): string => SECRET_PREFIX + createHmac("sha256", key).update(what).digest("base64url");

export const webhookSecret = (key: Uint8Array, id: string, version: number): string => derive(key, `webhook ${id} ${version}`);
/** For URLs that a call names itself. */
export const callSecret = (key: Uint8Array, tenant: string): string => derive(key, `webhooks of calls of ${tenant}`);

export function signatureOf(secret: string, atMs: number, body: string): string {
  const t = Math.floor(atMs / 1000);
  return `t=${t},v1=${createHmac("sha256", secret).update(`${t}.${body}`).digest("hex")}`;
}
