// Writes the TypeScript of the admin API's clients from its OpenAPI document: one interface a schema, and a table of routes
// with what each takes and answers. Guarantee: the same document gives the same text. What a person types is text wherever the
// API knows a few words or numbers: the API is who judges it.
import type { OpenApiDocument, OpenApiOperation, OpenApiParameter } from './openapi-document.ts';

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

type Schemas = Readonly<Record<string, Schema>>;

const HEADER = `// What the admin API takes and answers, as its OpenAPI document says. Written by test/helpers/write-admin-api-table.ts, which a
// test asks for whenever the two differ; never edited by hand.
`;

export function renderClientTypes(document: OpenApiDocument): string {
  const schemas: Schemas = document.components.schemas;
  const named = Object.entries(schemas).map(([name, schema]) => {
    const type = typeOf(schema);
    return type.startsWith('{') ? `export interface ${name} ${type}\n` : `export type ${name} = ${type};\n`;
  });
  const routes = Object.entries(document.paths).flatMap(([path, operations]) =>
    Object.entries(operations).map(
      ([method, operation]) => `  '${method.toUpperCase()} ${path}': ${routeType(operation, schemas)};`,
    ),
  );
  return `${[HEADER, ...named].join('\n')}\nexport interface AdminApi {\n${routes.join('\n')}\n}\n`;
}

function routeType({ parameters = [], requestBody, responses }: OpenApiOperation, schemas: Schemas): string {
  const fields: string[] = [];
  const own = (place: string): OpenApiParameter[] => parameters.filter((parameter) => parameter.in === place);
  for (const [place, name] of [
    ['path', 'params'],
    ['query', 'query'],
  ] as const) {
    const rows = own(place).map(({ name: key, required, schema }) => {
      const type = typedType(schema, schemas);
      return [key, type.startsWith('number') ? 'number | string' : type, required === true] as const;
    });
    if (rows.length > 0) fields.push(`${name}${rows.some((row) => row[2]) ? '' : '?'}: ${rowsType(rows)}`);
  }
  if (own('header').some(({ name }) => name === 'if-match')) fields.push('ifMatch?: string | undefined');
  const body = requestBody?.content['application/json']?.schema;
  if (body !== undefined) fields.push(`body: ${typedType(body, schemas)}`);
  const isNeeded = fields.some((field) => /^\w+:/.test(field));
  const answer = responses['200']?.content?.['application/json']?.schema;
  const input = fields.length === 0 ? 'Record<string, never>' : `{ ${fields.join('; ')} }`;
  return `{ input${isNeeded ? '' : '?'}: ${input}; answer: ${answer === undefined ? 'never' : typeOf(answer)} }`;
}

/** As a person may type it. */
function typedType(schema: Schema, schemas: Schemas): string {
  return typeOf(typed(schema, schemas));
}

function typed(schema: Schema, schemas: Schemas): Schema {
  const target = schema.$ref === undefined ? schema : schemas[nameOf(schema.$ref)];
  if (target?.enum !== undefined) return { type: 'string' };
  if (schema.items !== undefined) return { ...schema, items: typed(schema.items, schemas) };
  const { properties } = schema;
  if (properties === undefined) return schema;
  const fields = Object.entries(properties).map(([name, field]) => [name, typed(field, schemas)]);
  return { ...schema, properties: Object.fromEntries(fields) };
}

function nameOf(reference: string): string {
  return reference.slice(reference.lastIndexOf('/') + 1);
}

function typeOf(schema: Schema): string {
  if (schema.$ref !== undefined) return nameOf(schema.$ref);
  if (schema.const !== undefined) return literal(schema.const);
  if (schema.enum !== undefined) return unionOf(schema.enum.map(literal));
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices !== undefined) return unionOf(choices.map(typeOf));
  const kinds = [schema.type ?? []].flat();
  return kinds.length === 0 ? 'unknown' : unionOf(kinds.map((kind) => kindType(kind, schema)));
}

function kindType(kind: string, { items, properties, required = [], additionalProperties }: Schema): string {
  switch (kind) {
    case 'integer':
      return 'number';
    case 'array': {
      const item = typeOf(items ?? {});
      return /^\w+$/.test(item) ? `${item}[]` : `(${item})[]`;
    }
    case 'object': {
      if (properties !== undefined)
        return rowsType(
          Object.entries(properties).map(([name, field]) => [name, typeOf(field), required.includes(name)]),
        );
      const value = typeof additionalProperties === 'object' ? typeOf(additionalProperties) : 'unknown';
      return `Record<string, ${value}>`;
    }
    default:
      return kind;
  }
}

function rowsType(rows: readonly (readonly [name: string, type: string, isRequired: boolean])[]): string {
  const fields = rows.map(([name, type, isRequired]) => {
    const key = /^[a-z]\w*$/i.test(name) ? name : `'${name}'`;
    return isRequired ? `${key}: ${type}` : `${key}?: ${type} | undefined`;
  });
  return `{ ${fields.join('; ')} }`;
}

function unionOf(types: readonly string[]): string {
  return [...new Set(types)].join(' | ');
}

function literal(value: unknown): string {
  return typeof value === 'string' ? `'${value}'` : String(value);
}
