/** What this Tandem can do and this user may: from its OpenAPI file and from what his token stands for. */
import { createContext, useContext } from "react";
import type { Method } from "./client.ts";

export interface JsonSchema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly enum?: readonly (string | number | null)[];
  readonly const?: unknown;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
  readonly description?: string;
  readonly default?: unknown;
  readonly writeOnly?: boolean;
  readonly minimum?: number;
  readonly maximum?: number;
}

export interface Operation {
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: JsonSchema }>> };
  readonly parameters?: readonly { readonly name: string; readonly in: string; readonly required?: boolean; readonly schema: JsonSchema }[];
}

export interface OpenApi {
  readonly paths: Readonly<Record<string, Readonly<Partial<Record<Method, Operation>>>>>;
  readonly components?: { readonly schemas?: Readonly<Record<string, JsonSchema>> };
}

export interface Me {
  readonly name: string;
  readonly tenant: string;
  readonly scopes: readonly string[];
}

export interface Features {
  readonly document: OpenApi;
  readonly me: Me;
  has(path: string, method?: Method): boolean;
  may(scope: string): boolean;
}

export const makeFeatures = (document: OpenApi, me: Me): Features => ({
  document,
  me,
  has: (path, method = "get") => document.paths[path]?.[method] !== undefined,
  may: (scope) => me.scopes.includes(scope),
});

export const FeaturesContext = createContext<Features | undefined>(undefined);

export function useFeatures(): Features {
  const found = useContext(FeaturesContext);
  if (found === undefined) throw new Error("features are known once somebody is logged in");
  return found;
}

/** A schema with its references followed. */
export function resolve({ components }: OpenApi, schema: JsonSchema | undefined): JsonSchema {
  if (schema?.$ref === undefined) return schema ?? {};
  return resolve(
    { paths: {}, ...(components !== undefined && { components }) },
    components?.schemas?.[schema.$ref.replace("#/components/schemas/", "")],
  );
}

export const bodySchema = (document: OpenApi, path: string, method: Method): JsonSchema =>
  resolve(document, document.paths[path]?.[method]?.requestBody?.content["application/json"]?.schema);
