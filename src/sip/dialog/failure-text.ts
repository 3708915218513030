/** What is told of a request that never arrived: the code, and of TLS the words too, as only they say what to mend. */
import type { FailureOutcome } from "./user-agent.ts";

type Failure = Extract<FailureOutcome, { readonly type: "transport-error" }>["failure"];

export const failureText = ({ code, detail }: Failure): string => (code.startsWith("TLS_") ? `${code}: ${detail}` : code);
