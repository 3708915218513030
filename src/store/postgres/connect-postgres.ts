/**
 * One PostgreSQL behind Kysely: the same schema and migrations as on SQLite. Two differences are made even here: text
 * sorts by its bytes whatever the database's locale, as time-ordered ids need, and 64-bit integers are numbers.
 *
 * Connecting waits for the first question, and a connection that was lost is made anew by the next: who asks is told of
 * the failure and asks again.
 */
import { type DataTypeNode, type KyselyPlugin, Kysely, OperationNodeTransformer, PostgresDialect, RawNode } from "kysely";
import pg from "pg";
import { migrate } from "../migrations/migrate.ts";
import type { Schema } from "../schema.ts";

const CONNECTIONS_MAX = 4;
const CONNECT_MS = 5_000;
/** A question that takes longer is given up; the connection with it. */
const QUERY_MS = 30_000;
const INT8_OID = 20;

export interface Postgres {
  readonly db: Kysely<Schema>;
  /** Today's schema is there; fails as long as the database can't be reached. */
  ready(): Promise<void>;
  close(): Promise<void>;
}

/** Of this thread: whoever opens the same database shares its connections. */
const open = new Map<string, { readonly postgres: Postgres; users: number }>();

/** @param url postgres://user:password@host/database; ?host=/folder for a Unix socket */
export function connectPostgres(url: string): Postgres {
  let shared = open.get(url);
  if (shared === undefined) open.set(url, (shared = { postgres: connect(url), users: 0 }));
  const { db, ready, close } = shared.postgres;
  shared.users++;
  let closed = false;
  return {
    db,
    ready,
    async close() {
      if (closed) return;
      closed = true;
      if (--shared.users > 0) return;
      open.delete(url);
      await close();
    },
  };
}

function connect(url: string): Postgres {
  const db = new Kysely<Schema>({ dialect: new PostgresDialect({ pool: poolOf(url, CONNECTIONS_MAX, QUERY_MS) }) });
  let migrated: Promise<void> | undefined;
  return {
    db,
    ready() {
      migrated ??= migrateAt(url).catch((error: unknown) => {
        migrated = undefined;
        throw error;
      });
      return migrated;
    },
    close: () => db.destroy(),
  };
}

function poolOf(url: string, max: number, queryMs: number | undefined): pg.Pool {
  const pool = new pg.Pool({
    connectionString: url,
    max,
    connectionTimeoutMillis: CONNECT_MS,
    ...(queryMs === undefined ? {} : { query_timeout: queryMs, statement_timeout: queryMs }),
    keepAlive: true,
    application_name: "tandem",
    // The journal is deleted once a commit returned: whatever the server's setting, it must last.
    options: "-c synchronous_commit=on",
    types: { getTypeParser: (oid, format) => (oid === INT8_OID ? Number : pg.types.getTypeParser(oid, format)) as never },
  });
  pool.on("connect", (client) => {
    const ask = client.query.bind(client) as (text: unknown, values?: unknown) => unknown;
    client.query = ((text: unknown, values?: unknown) =>
      ask(text, Array.isArray(values) ? values.map(withoutNul) : values)) as typeof client.query;
  });
  // An idle connection that breaks is replaced by the next question.
  pool.on("error", () => {});
  return pool;
}

/** PostgreSQL has no text with a NUL: nothing is to be lost, and no question to fail, for what somebody sent. */
function withoutNul(value: unknown): unknown {
  if (typeof value === "string") return value.includes("\0") ? value.replaceAll("\0", "\ufffd") : value;
  return Array.isArray(value) ? value.map(withoutNul) : value;
}

/** Apart, as filling in a new table may take longer than any question. */
async function migrateAt(url: string): Promise<void> {
  const db = new Kysely<Schema>({ dialect: new PostgresDialect({ pool: poolOf(url, 2, undefined) }), plugins: [new TextByBytes()] });
  try {
    await migrate(db as unknown as Kysely<never>);
  } finally {
    await db.destroy();
  }
}

class TextByBytes implements KyselyPlugin {
  readonly #transformer = new (class extends OperationNodeTransformer {
    protected override transformDataType(node: DataTypeNode): DataTypeNode {
      // Kysely takes a raw type wherever a named one may stand.
      return node.dataType === "text" ? (RawNode.createWithSql('text collate "C"') as unknown as DataTypeNode) : node;
    }
  })();
  transformQuery: KyselyPlugin["transformQuery"] = ({ node, queryId }) => this.#transformer.transformNode(node, queryId);
  transformResult: KyselyPlugin["transformResult"] = ({ result }) => Promise.resolve(result);
}
