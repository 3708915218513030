/** The API in React: answers kept and renewed by TanStack Query; the key begins with the path. */
import { QueryClient, useQuery } from "@tanstack/react-query";
import { type Answer, ApiError, type Arguments, type PathWith, type Query, api, ask } from "./client.ts";

const RETRIES = 2;

export const queries = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 1_000,
      retry: (failures, error) => failures < RETRIES && error instanceof ApiError && (error.status === 0 || error.status === 503),
      refetchOnWindowFocus: true,
    },
  },
});

export interface Keeping {
  /** Asked anew so often while the page is seen. */
  readonly everyMs?: number;
  readonly enabled?: boolean;
  /** What is shown while the next page loads is the page before. */
  readonly keep?: boolean;
}

const optionsOf = ({ everyMs, enabled, keep }: Keeping) => ({
  ...(everyMs !== undefined && { refetchInterval: everyMs }),
  ...(enabled !== undefined && { enabled }),
  ...(keep === true && { placeholderData: <T>(before: T) => before }),
});

export function useApi<P extends PathWith<"get">>(path: P, given?: Arguments<P, "get">, keeping: Keeping = {}) {
  return useQuery<Answer<P, "get">>({
    queryKey: [path, given ?? null],
    queryFn: ({ signal }: { readonly signal: AbortSignal }) => api.get(path, { ...given, signal } as Arguments<P, "get">),
    ...optionsOf(keeping),
  } as never);
}

/** For paths known only at run time. */
export function useAnything<T = unknown>(path: string, query?: Query, keeping: Keeping = {}) {
  return useQuery<T>({
    queryKey: [path, query ?? null],
    queryFn: ({ signal }: { readonly signal: AbortSignal }) => ask("get", path, { query, signal }) as Promise<T>,
    ...optionsOf(keeping),
  } as never);
}

/** What stands under these paths is out of date. */
export const outOfDate = (...paths: readonly string[]): void => {
  for (const path of paths) void queries.invalidateQueries({ predicate: ({ queryKey }) => String(queryKey[0]).startsWith(path) });
};

/** Pages of these calls are out of date, and no others. */
export const callsOutOfDate = (callIds: ReadonlySet<string>): void => {
  if (callIds.size === 0) return;
  void queries.invalidateQueries({
    predicate: ({ queryKey: [path, given] }) =>
      String(path).startsWith("/api/calls/{call_id}") &&
      callIds.has((given as { readonly path?: { readonly call_id?: string } } | null)?.path?.call_id ?? ""),
  });
};
