// The launchd agent, for its form only: well-formed, keys and values in turn, the types launchd wants, and it starts what
// the README says.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { projectRoot } from '../helpers/source-files.ts';

type Value = string | number | boolean | Value[] | { [key: string]: Value };

/** As much of the property list format as there is in ours. */
function parsePlist(text: string): Value {
  const body = text.replace(/<\?xml[^>]*\?>|<!DOCTYPE[^>]*>|<!--[\s\S]*?-->/g, '');
  const tokens = [...body.matchAll(/<(\/?)(\w+)([^>]*?)(\/?)>([^<]*)/g)];
  assert.equal(tokens.map((token) => token[0]).join(''), body.trimStart(), 'nothing but tags and text');
  let at = 0;
  const next = (): RegExpExecArray => tokens[at++] ?? assert.fail('it ends too early');
  const closes = (name: string): void => {
    const [, slash, found] = next();
    assert.deepEqual([slash, found], ['/', name]);
  };
  function value(): Value {
    const [, slash, name = '', , empty, content = ''] = next();
    assert.equal(slash, '');
    if (empty === '/') {
      assert.ok(name === 'true' || name === 'false', name);
      return name === 'true';
    }
    if (name === 'string' || name === 'key' || name === 'integer') {
      closes(name);
      return name === 'integer' ? Number(content) : content;
    }
    assert.equal(content.trim(), '');
    const isEnd = (): boolean => tokens[at]?.[1] === '/';
    if (name === 'array' || name === 'plist') {
      const items: Value[] = [];
      while (!isEnd()) items.push(value());
      closes(name);
      return name === 'plist' ? (items[0] ?? '') : items;
    }
    assert.equal(name, 'dict');
    const entries: Record<string, Value> = {};
    while (!isEnd()) {
      assert.equal(tokens[at]?.[2], 'key');
      const key = value();
      assert.ok(typeof key === 'string');
      entries[key] = value();
    }
    closes('dict');
    return entries;
  }
  const whole = value();
  assert.equal(at, tokens.length, 'nothing after the end');
  return whole;
}

test('the agent of launchd is well-formed and starts the daemon of the checkout', () => {
  const text = readFileSync(join(projectRoot, 'deploy/macos/ai.mem-agent.daemon.plist'), 'utf8');
  const agent = parsePlist(text.replaceAll('@CHECKOUT@', projectRoot).replaceAll('@HOME@', '/Users/ada')) as Record<
    string,
    Value
  >;
  assert.equal(agent['Label'], 'ai.mem-agent.daemon');
  const [node = '', , main = '', command] = agent['ProgramArguments'] as string[];
  assert.ok(existsSync(node) && existsSync(main), `${node} ${main}`);
  assert.equal(command, 'serve');
  assert.deepEqual(agent['KeepAlive'], { SuccessfulExit: false });
  assert.equal(agent['Umask'], 0o077);
  assert.doesNotMatch(JSON.stringify(agent), /@|~/);
});
