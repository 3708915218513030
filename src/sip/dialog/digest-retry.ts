/**
 * What one dialog, or one request outside dialogs, knows of being challenged (RFC 3261 §22.2, §22.3): the
 * account, the nonces learned so far, and what the INVITE carried, for its ACK. The rules are sip/auth's.
 */
import type { Random } from "#base/ids.ts";
import { type Account, type DigestMemory, NO_MEMORY, answerChallenges, authorize, beginRequest } from "#sip/auth/digest-client.ts";
import type { HeaderField, OutgoingRequest, ReceivedResponse } from "#sip/message/message.ts";

export class DigestRetry {
  readonly #account: Account;
  readonly #random: Random;
  #memory: DigestMemory = NO_MEMORY;
  #inviteCredentials: readonly HeaderField[] = [];

  constructor(account: Account, random: Random) {
    this.#account = account;
    this.#random = random;
  }

  /** §22.1: "the ACK … MUST … contain the same credentials" as the INVITE whose 2xx it answers. */
  get inviteCredentials(): readonly HeaderField[] {
    return this.#inviteCredentials;
  }

  /** Before a new request, not before its repetition with credentials. */
  begin(): void {
    this.#memory = beginRequest(this.#memory);
  }

  /** The request with what the server wants to hear, as far as it said so before. */
  authorized(request: OutgoingRequest): OutgoingRequest {
    const { memory, headers } = authorize(this.#memory, this.#account, {
      method: request.method,
      uri: request.requestUri,
      body: request.body,
    });
    this.#memory = memory;
    if (request.method === "INVITE") this.#inviteCredentials = headers;
    return headers.length === 0 ? request : { ...request, headers: [...request.headers, ...headers] };
  }

  /** True: the request should go out again, with the next CSeq (§8.1.3.5). */
  challenged(response: ReceivedResponse): boolean {
    if (response.status !== 401 && response.status !== 407) return false;
    const answered = answerChallenges(this.#memory, response, this.#account, () => freshCnonce(this.#random));
    this.#memory = answered.memory;
    return answered.type === "again";
  }
}

const freshCnonce = (random: Random): string => random.integer(2 ** 32).toString(36) + random.integer(2 ** 32).toString(36);
