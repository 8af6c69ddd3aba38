// The OpenAPI 3.1 document of the admin API: what the routes say of themselves, and what they have in common said once.
// Guarantee: a route that is served is in it, with its scopes and the errors it may answer with.
import type { AdminApp } from './admin-route.ts';
import { SECURITY_SCHEME } from './admin-route.ts';

export interface OpenApiOperation {
  operationId?: string;
  summary?: string;
  description?: string;
  tags?: string[];
  security?: Record<string, string[]>[];
  parameters?: OpenApiParameter[];
  requestBody?: { required?: boolean; content: Record<string, { schema: object }> };
  responses: Record<string, { description: string; content?: Record<string, { schema: object }> }>;
}

export interface OpenApiParameter {
  name: string;
  in: 'path' | 'query' | 'header';
  required?: boolean;
  description?: string;
  schema: object;
}

export interface OpenApiDocument {
  openapi: string;
  info: { title: string; version: string; description?: string };
  servers: { url: string }[];
  paths: Record<string, Record<string, OpenApiOperation>>;
  components: { schemas: Record<string, object>; securitySchemes: Record<string, object> };
}

const IDEMPOTENCY_KEY: OpenApiParameter = {
  name: 'Idempotency-Key',
  in: 'header',
  required: false,
  description:
    'Sent again with the same body, it is answered as before and does nothing; kept for 24 hours, until a restart',
  schema: { type: 'string', minLength: 1, maxLength: 255 },
};
const DESCRIPTION = `Errors are application/problem+json (RFC 9457) with a stable \`code\` and a \`hint\`. Lists are pages:
send \`nextCursor\` as \`cursor\` until it is null. What can be changed has an \`ETag\`; send it as \`If-Match\`, and a change of
something else is 412. What reads takes the scope admin:read, what changes admin:write; each change is in the audit.`;

export function openApiDocument(app: AdminApp, version: string): OpenApiDocument {
  app.openAPIRegistry.registerComponent('securitySchemes', SECURITY_SCHEME, {
    type: 'http',
    scheme: 'bearer',
    description: 'An API key with the scopes named: mema_admin_…',
  });
  const document = app.getOpenAPI31Document({
    openapi: '3.1.0',
    info: { title: 'mem-agent admin API', version, description: DESCRIPTION },
    servers: [{ url: '/admin/v1' }],
  }) as unknown as OpenApiDocument;
  for (const [path, operations] of Object.entries(document.paths)) {
    for (const [method, operation] of Object.entries(operations)) complete(path, method, operation);
  }
  return document;
}

function complete(path: string, method: string, operation: OpenApiOperation): void {
  const [tag = ''] = path.split('/').filter(Boolean);
  operation.tags = [tag];
  operation.operationId = [method, ...path.split(/[^a-z]+/i).filter(Boolean)]
    .map((word, index) => (index === 0 ? word : word.charAt(0).toUpperCase() + word.slice(1)))
    .join('');
  const problems: Record<string, string> = {
    ...(path.includes('{') && { 404: 'There is no such thing' }),
    ...(operation.parameters?.some(({ name }) => name === 'if-match') === true && {
      412: 'It has changed since you read it',
    }),
    ...(method === 'post' && { 422: 'This Idempotency-Key was used for another request' }),
    501: 'Only a running daemon can do this',
  };
  if (method === 'post') operation.parameters = [...(operation.parameters ?? []), IDEMPOTENCY_KEY];
  const content = { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } };
  for (const [status, description] of Object.entries(problems))
    operation.responses[status] ??= { description, content };
}
