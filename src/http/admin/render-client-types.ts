// Writes the TypeScript of the admin API's clients from its OpenAPI document: one interface a schema, and a table of routes
// with what each takes and answers. Guarantee: the same document gives the same text.
import type { OpenApiDocument, OpenApiOperation } from './openapi-document.ts';

interface Schema {
  $ref?: string;
  type?: string | string[];
  enum?: unknown[];
  const?: unknown;
  anyOf?: Schema[];
  oneOf?: Schema[];
  items?: Schema;
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: Schema | boolean;
}

const HEADER = `// What the admin API takes and answers, as its OpenAPI document says. Written by test/helpers/write-admin-api-table.ts, which a
// test asks for whenever the two differ; never edited by hand.
`;

export function renderClientTypes(document: OpenApiDocument): string {
  const schemas = Object.entries(document.components.schemas).map(([name, schema]) => {
    const type = typeOf(schema);
    return type.startsWith('{') ? `export interface ${name} ${type}\n` : `export type ${name} = ${type};\n`;
  });
  const routes = Object.entries(document.paths).flatMap(([path, operations]) =>
    Object.entries(operations).map(
      ([method, operation]) => `  '${method.toUpperCase()} ${path}': ${routeType(operation)};`,
    ),
  );
  return `${[HEADER, ...schemas].join('\n')}\nexport interface AdminApi {\n${routes.join('\n')}\n}\n`;
}

function routeType({ parameters = [], requestBody, responses }: OpenApiOperation): string {
  const fields: string[] = [];
  for (const [place, name] of [
    ['path', 'params'],
    ['query', 'query'],
  ] as const) {
    const own = parameters.filter((parameter) => parameter.in === place);
    if (own.length === 0) continue;
    const isNeeded = own.some(({ required }) => required === true);
    fields.push(
      `${name}${isNeeded ? '' : '?'}: ${objectType(own.map(({ name: key, required, schema }) => [key, schema, required === true]))}`,
    );
  }
  if (parameters.some(({ name }) => name === 'if-match')) fields.push('ifMatch?: string | undefined');
  const body = requestBody?.content['application/json']?.schema;
  if (body !== undefined) fields.push(`body: ${typeOf(body)}`);
  const answer = responses['200']?.content?.['application/json']?.schema;
  return `{ input: { ${fields.join('; ')} }; answer: ${answer === undefined ? 'never' : typeOf(answer)} }`;
}

function typeOf(schema: Schema): string {
  if (schema.$ref !== undefined) return schema.$ref.slice(schema.$ref.lastIndexOf('/') + 1);
  if (schema.const !== undefined) return literal(schema.const);
  if (schema.enum !== undefined) return unionOf(schema.enum.map(literal));
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices !== undefined) return unionOf(choices.map(typeOf));
  const kinds = [schema.type ?? []].flat();
  return kinds.length === 0 ? 'unknown' : unionOf(kinds.map((kind) => kindType(kind, schema)));
}

function kindType(kind: string, schema: Schema): string {
  switch (kind) {
    case 'integer':
      return 'number';
    case 'array': {
      const item = typeOf(schema.items ?? {});
      return /^\w+$/.test(item) ? `${item}[]` : `(${item})[]`;
    }
    case 'object': {
      const { properties, required = [], additionalProperties } = schema;
      if (properties !== undefined)
        return objectType(Object.entries(properties).map(([name, field]) => [name, field, required.includes(name)]));
      const value = typeof additionalProperties === 'object' ? typeOf(additionalProperties) : 'unknown';
      return `Record<string, ${value}>`;
    }
    default:
      return kind;
  }
}

function objectType(fields: readonly (readonly [name: string, schema: Schema, isRequired: boolean])[]): string {
  const rows = fields.map(([name, schema, isRequired]) => {
    const key = /^[a-z]\w*$/i.test(name) ? name : `'${name}'`;
    return isRequired ? `${key}: ${typeOf(schema)}` : `${key}?: ${typeOf(schema)} | undefined`;
  });
  return `{ ${rows.join('; ')} }`;
}

function unionOf(types: readonly string[]): string {
  return [...new Set(types)].join(' | ');
}

function literal(value: unknown): string {
  return typeof value === 'string' ? `'${value}'` : String(value);
}
