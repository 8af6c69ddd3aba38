// Which scope an MCP request needs. Decided before the SDK sees it, so that a lack of scope is HTTP 403 in every revision.
import type { Scope } from '../../auth/principal.ts';
import { isRecord, type JsonRpcCall } from './prepared-call.ts';
import type { RegisteredTool } from './tool.ts';

const RESOURCE_METHODS: ReadonlySet<string> = new Set([
  'resources/list',
  'resources/read',
  'resources/subscribe',
  'resources/unsubscribe',
]);

export function requiredScope(call: JsonRpcCall, tool: RegisteredTool | undefined): Scope | undefined {
  if (tool !== undefined) return tool.scope;
  if (RESOURCE_METHODS.has(call.method)) return 'memory:read';
  if (call.method === 'subscriptions/listen' && listensToResources(call.params['notifications'])) return 'memory:read';
  return undefined;
}

function listensToResources(filter: unknown): boolean {
  return isRecord(filter) && (filter['resourcesListChanged'] === true || filter['resourceSubscriptions'] !== undefined);
}
