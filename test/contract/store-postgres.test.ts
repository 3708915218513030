/** The store's contract on a real PostgreSQL. */
import { after, before, describe } from "node:test";
import { openPostgresStore } from "#store/postgres/open-postgres.ts";
import { skipWithout } from "../kit/peers.ts";
import { type TestPostgres, startPostgres } from "../kit/postgres.ts";
import { storeContract } from "./store.ts";

describe("PostgreSQL", { skip: skipWithout("initdb", "postgres") }, () => {
  let server: TestPostgres;
  before(async () => {
    server = await startPostgres();
  });
  after(() => server.stop());
  storeContract({
    name: "postgres",
    async open() {
      const url = await server.newDatabase();
      let store = openPostgresStore(url);
      return {
        store,
        async reopen() {
          await store.close();
          store = openPostgresStore(url);
          return store;
        },
        remove: () => store.close(),
      };
    },
  });
});
