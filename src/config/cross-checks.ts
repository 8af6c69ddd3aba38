// Checks that need more than one key: addresses, directories and limits that would contradict each other.
import type { SettingValue } from './config-key.ts';
import { isLocalUrl, serversIn } from './computed-settings.ts';
import { checkDirectories } from './directory-checks.ts';
import { parseListenAddress, socketPathProblem } from './listen-address.ts';
import { readTextFile } from './read-text-file.ts';
import { urlProblem } from './value-rules.ts';

export interface CrossProblem {
  key: string;
  message: string;
  fix: string;
}

export type Values = ReadonlyMap<string, SettingValue>;

/** `[smaller, larger]`: the first must not exceed the second. */
const NOT_MORE_THAN: readonly (readonly [string, string])[] = [
  ['memory.max_file_bytes', 'memory.max_root_bytes'],
  ['http.headers_timeout_ms', 'http.request_timeout_ms'],
  ['agent.block_timeout_ms', 'agent.deadline_ms'],
  ['model.max_output_tokens', 'model.context_tokens'],
  ['worker.backoff_first_ms', 'worker.backoff_max_ms'],
  ['sandbox.standby', 'sandbox.max_processes'],
  ['sandbox.memory_bytes', 'sandbox.rss_limit_bytes'],
];

/** Every value has passed its own rule before. */
export function crossCheck(values: Values): CrossProblem[] {
  return [
    ...checkAddresses(values),
    ...checkDirectories(values),
    ...checkLimits(values),
    ...checkModel(values),
    ...checkWorker(values),
    ...checkIdentity(values),
    ...checkFiles(values),
  ];
}

function checkAddresses(values: Values): CrossProblem[] {
  const problems: CrossProblem[] = [];
  // Without a process of its own the worker has no such socket.
  const isOwnProcess = textOf(values, 'worker.supervisor') === 'process' && textOf(values, 'worker.profile') !== 'none';
  const ours = ['admin.socket', ...(isOwnProcess ? ['worker.socket'] : [])].map((key) => ({
    key,
    path: textOf(values, key),
  }));
  for (const { key, path } of ours) {
    const tooLong = socketPathProblem(path);
    const fix = `Set ${key} or runtime.dir to a shorter path`;
    if (tooLong !== undefined) problems.push({ key, message: tooLong, fix });
  }
  const http = parseListenAddress(textOf(values, 'http.listen'));
  const ops = parseListenAddress(textOf(values, 'ops.listen'));
  if (http.kind === 'tcp' && ops.kind === 'tcp' && http.port === ops.port && http.port !== 0) {
    const fix = 'Give ops.listen another port: it serves metrics and the admin API';
    problems.push({ key: 'ops.listen', message: `http.listen has port ${http.port} too`, fix });
  }
  const sockets = [
    ...ours,
    ...(http.kind === 'unix' ? [{ key: 'http.listen', path: http.path }] : []),
    ...(ops.kind === 'unix' ? [{ key: 'ops.listen', path: ops.path }] : []),
  ];
  for (const [index, { key, path }] of sockets.entries()) {
    const other = sockets.slice(0, index).find((earlier) => earlier.path === path);
    if (other !== undefined) {
      problems.push({ key, message: `it is the same socket as ${other.key}`, fix: 'Give each a path of its own' });
    }
  }
  return problems;
}

function checkLimits(values: Values): CrossProblem[] {
  return NOT_MORE_THAN.flatMap(([smaller, larger]) => {
    const limit = Number(values.get(larger));
    if (Number(values.get(smaller)) <= limit) return [];
    const fix = `Set ${smaller} to ${limit} or less, or raise ${larger}`;
    return [{ key: smaller, message: `it is more than ${larger} (${limit})`, fix }];
  });
}

function checkModel(values: Values): CrossProblem[] {
  if (values.get('model.backend') !== 'openai' || serversIn(values).length > 0) return [];
  const message = 'it needs a server, and neither model.base_url nor worker.profile is set';
  return [{ key: 'model.backend', message, fix: 'Set model.base_url, for example http://127.0.0.1:8000/v1' }];
}

function checkWorker(values: Values): CrossProblem[] {
  const profile = textOf(values, 'worker.profile');
  const listen = textOf(values, 'worker.listen');
  const problems: CrossProblem[] = [];
  if (profile === 'command' && textOf(values, 'worker.command') === '') {
    problems.push({ key: 'worker.command', message: 'the profile "command" needs it', fix: 'Name the executable' });
  }
  if (profile === 'external') {
    const url = listen === '' ? textOf(values, 'model.base_url') : listen;
    const problem = url === '' ? 'an external worker needs its address' : urlProblem(url);
    if (problem !== undefined) {
      problems.push({ key: 'worker.listen', message: problem, fix: 'Write it as http://127.0.0.1:8000/v1' });
    }
  } else if (listen !== '' && !/^(unix:\/.+|(127(\.\d{1,3}){3}|localhost|\[::1\]):\d{1,5})$/.test(listen)) {
    const message = 'a model server that mem-agent starts must only be reachable from this machine';
    problems.push({ key: 'worker.listen', message, fix: 'Use unix:/path/to.sock or 127.0.0.1:PORT, or leave it out' });
  }
  return problems;
}

/** Keys that came without TLS could be anybody's; and a token for another service must not open this one. */
function checkIdentity(values: Values): CrossProblem[] {
  if (textOf(values, 'jwt.issuer') === '') return [];
  const fix = 'Write it as https://HOST/…; http only for a provider on this machine';
  const addresses = ['jwt.issuer', 'jwt.audience', 'jwt.jwks_url'].flatMap((key) => {
    const url = textOf(values, key);
    if (url === '' && key === 'jwt.jwks_url') return [];
    const isRight = url.startsWith('https://') ? URL.canParse(url) : url.startsWith('http://') && isLocalUrl(url);
    return isRight && !url.includes('#') ? [] : [{ key, message: 'it must be an https URL', fix }];
  });
  if (String(values.get('jwt.algorithms')) !== '') return addresses;
  return [...addresses, { key: 'jwt.algorithms', message: 'it must not be empty', fix: 'Leave it out, or name some' }];
}

/** Files that were named must be there: a missing filters file must not mean "no filters". */
function checkFiles(values: Values): CrossProblem[] {
  return ['memory.filters_file', 'agent.system_prompt_file', 'privacy.rules_file', 'jwt.policies_file'].flatMap(
    (key) => {
      const path = textOf(values, key);
      const file = path === '' ? undefined : readTextFile(path);
      if (file === undefined || file.kind === 'text') return [];
      const message = file.kind === 'missing' ? 'there is no such file' : file.problem.message;
      return [{ key, message, fix: `Correct the path, or leave ${key} out` }];
    },
  );
}

function textOf(values: Values, key: string): string {
  return String(values.get(key));
}
