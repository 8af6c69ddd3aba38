// Numbered facts in one note: each line carries its own checksum, the note ends with a marker. Tells from the note's text and
// from what was acknowledged whether anything was lost, doubled, invented or half written.
import { createHash } from 'node:crypto';

export const END_MARKER = '<!-- end of facts -->';
export const EMPTY_LEDGER = `# Facts\n\n${END_MARKER}\n`;

const LINE = /^- (\S+) (\S+) \[([0-9a-f]{12})\]$/;

/** `padding` makes lines long enough for a torn write to be seen. */
export function factLine(name: string, paddingCharacters = 80): string {
  const padding = createHash('sha256').update(`padding ${name}`).digest('base64url').repeat(4);
  const body = `${name} ${padding.slice(0, paddingCharacters)}`;
  return `- ${body} [${checksum(body)}]`;
}

/** Arguments for `update_file` that put the fact in front of the marker, whatever others do meanwhile. */
export function factUpdate(
  path: string,
  name: string,
  paddingCharacters?: number,
): { path: string; old_content: string; new_content: string } {
  return { path, old_content: END_MARKER, new_content: `${factLine(name, paddingCharacters)}\n${END_MARKER}` };
}

export interface LedgerFaults {
  /** Acknowledged, but not in the note. */
  lost: string[];
  /** In the note more than once. */
  doubled: string[];
  /** In the note, but nobody asked for it. */
  invented: string[];
  /** Lines that are no whole fact, or a note without its end. */
  broken: string[];
}

/** `asked` holds every fact that was sent, acknowledged or not. */
export function checkLedger(text: string, acknowledged: Iterable<string>, asked: ReadonlySet<string>): LedgerFaults {
  const faults: LedgerFaults = { lost: [], doubled: [], invented: [], broken: [] };
  const seen = new Set<string>();
  if (!text.startsWith('# Facts\n\n')) faults.broken.push('the head is missing');
  if (!text.endsWith(`${END_MARKER}\n`)) faults.broken.push('the end marker is missing');
  for (const line of text.replace('# Facts\n\n', '').split('\n')) {
    if (line === '' || line === END_MARKER) continue;
    const [, name = '', padding = '', sum] = LINE.exec(line) ?? [];
    if (sum === undefined || checksum(`${name} ${padding}`) !== sum) {
      faults.broken.push(line);
      continue;
    }
    if (seen.has(name)) faults.doubled.push(name);
    if (!asked.has(name)) faults.invented.push(name);
    seen.add(name);
  }
  for (const name of acknowledged) if (!seen.has(name)) faults.lost.push(name);
  return faults;
}

export const NO_FAULTS: LedgerFaults = { lost: [], doubled: [], invented: [], broken: [] };

function checksum(body: string): string {
  return createHash('sha256').update(body).digest('hex').slice(0, 12);
}
