// The lines of `.mem-agent-ignore`, read as git reads its own: `drafts/`, `*.tmp.md`, `/private`, `a/**/b`, `!keep.md`; the last line
// that fits decides. Pure. Guarantee: what lies in an ignored folder is ignored, whatever a later line says.

interface Rule {
  pattern: RegExp;
  isNegated: boolean;
}

export type IgnoreTest = (path: string) => boolean;

/** On such disks `Secret.md` opens `secret.md`. */
const FOLDS_CASE = process.platform === 'darwin' || process.platform === 'win32';

export function parseIgnoreRules(text: string): IgnoreTest {
  const rules = text
    .split(/\r?\n/)
    .map(parseLine)
    .filter((rule) => rule !== undefined);
  const fits = (path: string): boolean =>
    rules.reduce((ignored, { pattern, isNegated }) => (pattern.test(path) ? !isNegated : ignored), false);
  return (path) => {
    if (rules.length === 0 || path === '') return false;
    const names = path.normalize('NFC').split('/');
    return names.some((_name, index) => fits(names.slice(0, index + 1).join('/')));
  };
}

function parseLine(line: string): Rule | undefined {
  const trimmed = line.trim().normalize('NFC');
  if (trimmed === '' || trimmed.startsWith('#')) return undefined;
  const isNegated = trimmed.startsWith('!');
  const glob = trimmed.slice(isNegated ? 1 : 0).replace(/\/+$/, '');
  if (glob === '') return undefined;
  // A slash inside ties it to the root; without one it fits at any depth.
  const isAnchored = glob.includes('/');
  const body = toPattern(glob.replace(/^\/+/, ''));
  return { pattern: new RegExp(`^${isAnchored ? '' : '(?:.*/)?'}${body}$`, FOLDS_CASE ? 'isu' : 'su'), isNegated };
}

function toPattern(glob: string): string {
  return glob.replaceAll(/\*\*\/|\/\*\*$|\*+|\?|\[!?[^\]/]+\]|\\.|[^*?[\\]/gsu, (part) => {
    if (part === '**/') return '(?:.*/)?';
    if (part === '/**') return '/.*';
    if (part.startsWith('*')) return '[^/]*';
    if (part === '?') return '[^/]';
    if (part.length > 2 && part.startsWith('['))
      return `[${part.slice(1, -1).replace(/^!/, '^').replaceAll('\\', '\\\\')}]`;
    return escapeRegExp(part.length === 2 && part.startsWith('\\') ? part.slice(1) : part);
  });
}

function escapeRegExp(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|/-]/g, (character) => `\\${character}`);
}
