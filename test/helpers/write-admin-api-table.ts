// Writes src/cli/admin-api-table.ts from the admin API as it is now: `node test/helpers/write-admin-api-table.ts && npm run format`.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createAdminApp } from '../../src/http/admin/admin-app.ts';
import type { OpenApiDocument } from '../../src/http/admin/openapi-document.ts';
import { renderClientTypes } from '../../src/http/admin/render-client-types.ts';
import { createFakePorts } from '../unit/http-admin/fake-ports.ts';
import { projectRoot } from './source-files.ts';

export const ADMIN_API_TABLE = join(projectRoot, 'src/cli/admin-api-table.ts');

export async function adminApiTable(): Promise<string> {
  const response = await createAdminApp(createFakePorts().ports).request('/openapi.json');
  return renderClientTypes((await response.json()) as OpenApiDocument);
}

if (import.meta.main) writeFileSync(ADMIN_API_TABLE, await adminApiTable());
