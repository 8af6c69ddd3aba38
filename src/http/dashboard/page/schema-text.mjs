// A schema of the OpenAPI document in words: how an answer is shaped, and a body to begin with.

/**
 * @typedef {{$ref?: string, type?: string | string[], enum?: unknown[], const?: unknown, anyOf?: Schema[], items?: Schema,
 *   properties?: Record<string, Schema>, required?: string[], additionalProperties?: Schema | boolean, example?: unknown,
 *   default?: unknown}} Schema
 * @typedef {Record<string, Schema>} Schemas
 */

const DEEPEST = 6;

/**
 * @param {Schema} schema
 * @param {Schemas} schemas
 * @returns {Schema}
 */
function resolve(schema, schemas) {
  const name = schema.$ref?.split('/').at(-1);
  return name === undefined ? schema : (schemas[name] ?? {});
}

/**
 * @param {Schema} written
 * @param {Schemas} schemas
 * @param {string} [indent]
 * @returns {string}
 */
export function shapeText(written, schemas, indent = '') {
  const schema = resolve(written, schemas);
  const kinds = [schema.type ?? []].flat();
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum !== undefined) return schema.enum.map((value) => JSON.stringify(value)).join(' | ');
  if (schema.anyOf !== undefined) return schema.anyOf.map((one) => shapeText(one, schemas, indent)).join(' | ');
  if (indent.length / 2 >= DEEPEST) return '…';
  if (kinds.includes('array')) return `[${shapeText(schema.items ?? {}, schemas, indent)}, …]`;
  if (schema.properties !== undefined) {
    const rows = Object.entries(schema.properties).map(([name, field]) => {
      const mark = schema.required?.includes(name) === true ? '' : '?';
      return `${indent}  ${name}${mark}: ${shapeText(field, schemas, `${indent}  `)}`;
    });
    return `{\n${rows.join('\n')}\n${indent}}`;
  }
  if (typeof schema.additionalProperties === 'object')
    return `{ name: ${shapeText(schema.additionalProperties, schemas, indent)}, … }`;
  return kinds.length === 0 ? 'anything' : kinds.join(' | ');
}

/**
 * What must be there, with its example or default.
 * @param {Schema} written
 * @param {Schemas} schemas
 * @returns {unknown}
 */
export function exampleOf(written, schemas) {
  const schema = resolve(written, schemas);
  if (schema.example !== undefined) return schema.example;
  if (schema.default !== undefined) return schema.default;
  if (schema.enum !== undefined) return schema.enum[0];
  if (schema.properties !== undefined) {
    const needed = Object.entries(schema.properties).filter(([name]) => schema.required?.includes(name));
    return Object.fromEntries(needed.map(([name, field]) => [name, exampleOf(field, schemas)]));
  }
  const [kind] = [schema.type ?? []].flat();
  if (kind === 'array') return [];
  if (kind === 'boolean') return false;
  return kind === 'number' || kind === 'integer' ? 0 : '';
}
