// Cases out of a JSON Schema: mostly what it asks for, and at every place now and then what it does not. So new routes and
// tools are attacked without a change here.
import fc from 'fast-check';
import { hostileJson, hostileNumber, hostileString } from './hostile-values.ts';

export interface JsonSchema {
  $ref?: string;
  type?: string | string[];
  enum?: readonly unknown[];
  const?: unknown;
  properties?: Record<string, JsonSchema>;
  required?: readonly string[];
  items?: JsonSchema;
  additionalProperties?: JsonSchema | boolean;
  anyOf?: readonly JsonSchema[];
  oneOf?: readonly JsonSchema[];
  allOf?: readonly JsonSchema[];
  example?: unknown;
}

/** `definitions` are what a `$ref` names, by its last part. */
export function fromSchema(schema: JsonSchema, definitions: Record<string, JsonSchema> = {}): fc.Arbitrary<unknown> {
  return fc.oneof(
    { arbitrary: valid(schema, definitions), weight: 6 },
    { arbitrary: hostileOf(schema), weight: 2 },
    { arbitrary: hostileJson, weight: 1 },
  );
}

/** Of the right type, so that it passes the first look. */
function hostileOf({ type }: JsonSchema): fc.Arbitrary<unknown> {
  if (type === 'integer' || type === 'number') return hostileNumber;
  return type === 'boolean' ? fc.boolean() : hostileString;
}

function valid(schema: JsonSchema, definitions: Record<string, JsonSchema>): fc.Arbitrary<unknown> {
  if (schema.$ref !== undefined) {
    const target = definitions[schema.$ref.split('/').at(-1) ?? ''];
    return target === undefined ? hostileJson : valid(target, definitions);
  }
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum);
  if (schema.const !== undefined) return fc.constant(schema.const);
  const choices = schema.anyOf ?? schema.oneOf ?? schema.allOf;
  if (choices !== undefined && choices.length > 0)
    return fc.oneof(...choices.map((choice) => valid(choice, definitions)));
  const type = Array.isArray(schema.type) ? schema.type[0] : schema.type;
  switch (type) {
    case 'object':
      return objectOf(schema, definitions);
    case 'array':
      return fc.array(schema.items === undefined ? hostileJson : fromSchema(schema.items, definitions), {
        maxLength: 4,
      });
    case 'integer':
    case 'number':
      return fc.oneof(fc.integer({ min: 0, max: 200 }), hostileNumber);
    case 'boolean':
      return fc.boolean();
    case 'null':
      return fc.constant(null);
    case 'string': {
      const words = fc.constantFrom('a', 'user.md', 'default', 'k_1', '7d', 'note');
      return schema.example === undefined
        ? fc.oneof(words, hostileString)
        : fc.oneof(fc.constant(schema.example), words);
    }
    default:
      return hostileJson;
  }
}

function objectOf(schema: JsonSchema, definitions: Record<string, JsonSchema>): fc.Arbitrary<unknown> {
  const fields = Object.entries(schema.properties ?? {}).map(([name, field]): [string, fc.Arbitrary<unknown>] => [
    name,
    fromSchema(field, definitions),
  ]);
  const requiredKeys = (schema.required ?? []).filter((name) => fields.some(([known]) => known === name));
  const named = fc.record(Object.fromEntries(fields), { requiredKeys });
  const others =
    typeof schema.additionalProperties === 'object'
      ? fc.dictionary(hostileString, fromSchema(schema.additionalProperties, definitions), { maxKeys: 3 })
      : fc.oneof(
          { arbitrary: fc.constant({}), weight: 8 },
          { arbitrary: fc.dictionary(hostileString, hostileJson, { maxKeys: 2 }), weight: 1 },
        );
  return fc.tuple(named, others).map(([wanted, extra]) => ({ ...extra, ...wanted }));
}
