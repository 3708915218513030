/** /api/apply and /api/export: `tandem apply` and `tandem export` from afar, with what a token's tenant may touch. */
import type { FastifyPluginAsyncZod } from "fastify-type-provider-zod";
import { z } from "zod";
import { APPLY_BYTES_MAX, type ApplyReport } from "#config/apply-apart.ts";
import { EVERY_TENANT } from "#store/cdr-store.ts";
import { readDocument } from "#config/document.ts";
import { type Principal, demand, tenantFor } from "./access.ts";
import { noteAudit } from "./audit.ts";
import type { ApiPorts } from "./ports.ts";
import { FILE_PARTS_MAX, hasTooManyParts } from "./json-depth.ts";
import { ApiProblem, REFUSALS } from "./problem.ts";
import { type ResourceDesk, REQUEST_FILE } from "./resource-desk.ts";
import { principalOf } from "./sessions.ts";
import { errorsBeyondTenant } from "./tenant-bounds.ts";

const tags = ["resources"];
const Place = z.object({ file: z.string(), line: z.int(), field: z.string(), message: z.string(), remedy: z.string() });
const Change = z.object({
  change: z.enum(["add", "change", "remove"]),
  kind: z.string(),
  name: z.string(),
  tenant: z.string(),
  fields: z.array(z.object({ field: z.string(), before: z.string().optional(), after: z.string().optional() })).readonly(),
});
const Outcome = z
  .union([
    z.object({
      ok: z.literal(true),
      report: z.object({
        generation: z.int(),
        committed: z.boolean(),
        added: z.int(),
        changed: z.int(),
        removed: z.int(),
        unchanged: z.int(),
        changes: z.array(Change).readonly(),
        warnings: z.array(Place).readonly(),
      }),
    }),
    z.object({
      ok: z.literal(false),
      code: z.enum(["CONFIGURATION", "CONFLICT", "NEEDS_RESTART", "SPOOL", "STORE"]),
      message: z.string(),
      problems: z.array(Place).readonly(),
    }),
  ])
  .meta({ id: "ApplyOutcome" });

const Wish = z
  .strictObject({
    text: z.string().describe("YAML or JSON with trunks, gateways, groups, dids, outbound."),
    file: z.string().min(1).max(200).default(REQUEST_FILE).describe("Its name in problems."),
    tenant: z.string().min(1).max(64).optional().describe("Entries without a tenant are this one's, and no other's may be touched."),
    prune: z.boolean().default(false).describe("Remove what an earlier apply brought and the file no longer has."),
    commit: z.boolean().default(false).describe("false: only say what would change."),
    expected_generation: z.int().min(0).optional().describe("Of the report that was shown; another since then is a CONFLICT."),
  })
  .meta({ id: "ApplyWish" });

export const applyRoutes =
  (ports: ApiPorts, desk: ResourceDesk): FastifyPluginAsyncZod =>
  async (app) => {
    app.post(
      "/api/apply",
      {
        config: { scope: "resources:write" },
        bodyLimit: APPLY_BYTES_MAX,
        schema: {
          operationId: "apply",
          tags,
          summary: "What a file of resources would change; with commit, changes it. 200 with ok: false says what is wrong",
          body: Wish,
          response: { 200: Outcome, ...REFUSALS },
        },
      },
      async (request) => {
        const principal = principalOf(request);
        demand(principal, "trunks:write");
        const { text, prune, commit, expected_generation } = request.body;
        if (hasTooManyParts(text))
          throw new ApiProblem("BODY_TOO_LARGE", `text: more than ${FILE_PARTS_MAX} lines and values: send it in parts, without prune`);
        const tenant = principal.reach === EVERY_TENANT ? request.body.tenant : tenantFor(principal, request.body.tenant);
        const beyond = principal.reach === EVERY_TENANT ? [] : await beyondTenant(principal, text, request.body.file);
        if (beyond.length > 0) return { ok: false as const, code: "CONFIGURATION" as const, message: beyond[0]!.message, problems: beyond };
        // A tenant's problems are told by field: those of others have their places in the house.
        const file = principal.reach === EVERY_TENANT ? request.body.file : REQUEST_FILE;
        const outcome = await ports.applyFile({ text, file, tenant, prune, commit, expectedGeneration: expected_generation });
        if (outcome.ok) {
          const { report } = outcome;
          if (report.committed)
            noteAudit(request, { kind: "file", name: request.body.file, tenant: tenant ?? "*", after: summaryOf(report) });
          return { ok: true as const, report };
        }
        if (principal.reach === EVERY_TENANT) return outcome;
        const errors = await desk.errorsFor(principal, outcome.problems, (index) => `[${index}]`);
        const problems = errors.map(({ field, message }, i) => {
          const own = outcome.problems[i]!.file === REQUEST_FILE;
          const place = own ? { line: outcome.problems[i]!.line, field: outcome.problems[i]!.field } : { line: 0, field };
          return { file: own ? request.body.file : "(elsewhere)", ...place, message, remedy: "" };
        });
        return { ...outcome, message: problems[0]?.message ?? "nothing was changed", problems };
      },
    );
    /** What can't be read is told by whoever applies it. */
    async function beyondTenant(principal: Principal, text: string, file: string): Promise<z.infer<typeof Place>[]> {
      if (!MAY_NAME_PEERS.test(text)) return [];
      if (hasTooManyParts(text, LOOKED_AT_PARTS_MAX))
        throw new ApiProblem(
          "BODY_TOO_LARGE",
          `text: more than ${LOOKED_AT_PARTS_MAX} lines and values with trunks or gateways among them: send numbers in a file of their own`,
        );
      const document = readDocument(text);
      if (!document.ok || typeof document.value !== "object" || document.value === null) return [];
      const sections = document.value as Readonly<Record<string, unknown>>;
      const lines = new Map<string, number>();
      const errors = await errorsBeyondTenant(principal, sections, { pages: ports.pages, file: desk.file }, (section, index, field) => {
        const place = `${section}[${index}].${field}`;
        lines.set(place, document.lineOf([section, index, ...field.split(".")]));
        return place;
      });
      return errors.map(({ field, message }) => ({ file, line: lines.get(field) ?? 0, field, message, remedy: "" }));
    }

    app.get(
      "/api/export",
      {
        config: { scope: "resources:read" },
        schema: {
          operationId: "export",
          tags,
          summary: "What is stored, as YAML that apply takes back; *** stands for a password",
          querystring: z.strictObject({ tenant: z.string().min(1).max(64).optional() }),
          response: { 200: z.string(), ...REFUSALS },
        },
      },
      async (request, reply) => {
        const principal = principalOf(request);
        demand(principal, "trunks:read");
        const { tenant } = request.query;
        const text = await ports.exportYaml(principal.reach === EVERY_TENANT ? tenant : tenantFor(principal, tenant));
        return reply.type("application/yaml").serializer(String).send(text);
      },
    );
  };

/** Sections that a tenant's text is looked at for, or a way to write their names otherwise. */
const MAY_NAME_PEERS = /trunks|gateways|\\/;
/** Read here, where memory is scarce. */
const LOOKED_AT_PARTS_MAX = 150_000;

const summaryOf = ({ generation, added, changed, removed }: ApplyReport) => ({
  generation,
  added,
  changed,
  removed,
});
