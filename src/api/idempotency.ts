/**
 * `Idempotency-Key` on POST: the same key with the same request gets the same answer for a day and changes nothing
 * again, also after a restart. The key is taken before the work begins; what was being worked on when the process
 * ended is said to be unknown rather than done twice. Answers are sealed, as some show a secret once.
 */
import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from "node:crypto";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { silenceAudit } from "./audit.ts";
import type { ApiPorts } from "./ports.ts";
import { ApiProblem } from "./problem.ts";
import { principalOf } from "./sessions.ts";

const KEPT_MS = 86_400_000;
const KEY = /^[\x21-\x7e]{1,255}$/;
const PENDING_RETRY_S = 1;
const ANSWER_CHARS_MAX = 1024 * 1024;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

interface Claim {
  readonly tenant: string;
  readonly id: string;
}
const claims = new WeakMap<FastifyRequest, Claim>();

export function idempotency(app: FastifyInstance, ports: Pick<ApiPorts, "records" | "key" | "nowMs" | "onMistake">): void {
  const key = Buffer.from(hkdfSync("sha256", ports.key, "", "api answers", 32));
  /** Being worked on by this process. */
  const working = new Set<string>();

  app.addHook("preHandler", async (request, reply) => {
    const given = request.headers["idempotency-key"];
    if (request.method !== "POST" || given === undefined || request.routeOptions.config.open === true) return;
    if (typeof given !== "string" || !KEY.test(given))
      throw new ApiProblem("BODY_INVALID", "Idempotency-Key: 1 to 255 visible ASCII characters, e.g. a UUID");
    const { reach, name } = principalOf(request);
    const id = hash(key, [name, given]);
    const requestHash = hash(key, [request.url, request.headers["content-type"] ?? "", JSON.stringify(request.body) ?? ""]);
    const nowMs = ports.nowMs();
    const kept = await ports.records.claimAnswer(reach, id, requestHash, nowMs + KEPT_MS, nowMs);
    if (kept === undefined) {
      claims.set(request, { tenant: reach, id });
      working.add(id);
      return;
    }
    if (kept.requestHash !== requestHash)
      throw new ApiProblem("KEY_REUSED", "this Idempotency-Key came with another request before: a new request needs a new key");
    if (kept.status > 0) return replay(request, reply, kept.status, open(key, kept.answer));
    if (working.has(id))
      throw new ApiProblem("ANSWER_PENDING", "the same request is being worked on; ask again", { retryAfterS: PENDING_RETRY_S });
    throw new ApiProblem("ANSWER_PENDING", "the API ended while it worked on this; look whether it took place, then use a new key");
  });

  app.addHook("onSend", async (request, reply, payload) => {
    const claim = claims.get(request);
    if (claim === undefined) return payload;
    claims.delete(request);
    try {
      // What a client may mend, or what fails by chance, is no answer to keep.
      if (reply.statusCode >= 400 || typeof payload !== "string" || payload.length > ANSWER_CHARS_MAX)
        await ports.records.forgetAnswer(claim.tenant, claim.id);
      else {
        const { etag, location } = reply.getHeaders();
        const answer = JSON.stringify({ type: reply.getHeader("content-type"), etag, location, body: payload });
        await ports.records.keepAnswer(claim.tenant, claim.id, reply.statusCode, seal(key, answer));
      }
    } catch (error) {
      ports.onMistake(request.id, error instanceof Error ? error : new Error(String(error)));
    } finally {
      working.delete(claim.id);
    }
    return payload;
  });
}

function replay(request: FastifyRequest, reply: FastifyReply, status: number, answer: string): FastifyReply {
  silenceAudit(request);
  const { type, etag, location, body } = JSON.parse(answer) as Readonly<Record<string, string | undefined>>;
  if (type !== undefined) reply.type(type);
  if (etag !== undefined) reply.header("etag", etag);
  if (location !== undefined) reply.header("location", location);
  return reply.code(status).header("idempotency-replayed", "true").serializer(String).send(body);
}

/** Keyed: bodies may hold passwords, which a plain hash would let somebody try out. */
const hash = (key: Uint8Array, parts: readonly string[]): string => createHmac("sha256", key).update(JSON.stringify(parts)).digest("hex");

function seal(key: Uint8Array, text: string): string {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv("aes-256-gcm", key, nonce);
  return Buffer.concat([nonce, cipher.update(text, "utf8"), cipher.final(), cipher.getAuthTag()]).toString("base64");
}

function open(key: Uint8Array, sealed: string): string {
  const bytes = Buffer.from(sealed, "base64");
  const decipher = createDecipheriv("aes-256-gcm", key, bytes.subarray(0, NONCE_BYTES));
  decipher.setAuthTag(bytes.subarray(bytes.length - TAG_BYTES));
  return Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES, bytes.length - TAG_BYTES)), decipher.final()]).toString("utf8");
}
