// Where the sandbox tests keep the interpreter's snapshot: built once for all of them, beside the installed packages.
import { join } from 'node:path';

export const SANDBOX_CACHE = join(import.meta.dirname, '../../node_modules/.cache/mem-agent-sandbox');
