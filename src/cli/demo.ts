// placeholder
import type { CliContext } from './cli-context.ts';
export async function runDemo(context: CliContext): Promise<number> {
  context.terminal.note('x');
  return 1;
}
