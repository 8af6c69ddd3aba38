// Whether an answer comes from where it was allowed to come from, as far as it says so itself.
// Guarantee: an answer that names a weaker rule than the one asked for is an error, never a silent downgrade.
import type { ChatChunk } from '../chat-chunk.ts';
import { ModelError } from '../model-error.ts';
import type { OpenRouterOptions } from './openrouter-options.ts';

type Rules = Pick<OpenRouterOptions, 'zdr' | 'dataCollection' | 'onlyProviders' | 'ignoredProviders'>;

/** Where an answer may say under which rules it was made. */
const SAYING = /polic|privacy|provider|routing|metadata|endpoint/i;

/** Throws PRIVACY_REFUSED. */
export function checkReplyPolicy({ json }: Pick<ChatChunk, 'json'>, rules: Rules): void {
  const provider = json['provider'];
  if (typeof provider === 'string') checkProvider(provider, rules);
  for (const said of [json, ...Object.entries(json).flatMap(([name, value]) => (SAYING.test(name) ? [value] : []))]) {
    if (typeof said !== 'object' || said === null) continue;
    const keeps = rules.zdr && Reflect.get(said, 'zdr') === false;
    const collects = rules.dataCollection === 'deny' && Reflect.get(said, 'data_collection') === 'allow';
    const trains = rules.dataCollection === 'deny' && Reflect.get(said, 'training') === true;
    if (keeps || collects || trains) throw downgraded('it says that what it was sent is kept');
  }
}

function checkProvider(provider: string, { onlyProviders, ignoredProviders = [] }: Rules): void {
  const isNamed = (names: readonly string[]): boolean => names.some((name) => slugOf(name) === slugOf(provider));
  if ((onlyProviders !== undefined && !isNamed(onlyProviders)) || isNamed(ignoredProviders)) {
    throw downgraded(`it comes from ${provider.slice(0, 60)}, which is not among the providers that may answer`);
  }
}

/** `Amazon Bedrock` and `amazon-bedrock/us-east` are one provider. */
function slugOf(name: string): string {
  return (name.split('/')[0] ?? '').toLowerCase().replace(/[^a-z0-9]+/g, '');
}

function downgraded(why: string): ModelError {
  return new ModelError('backend', 'PRIVACY_REFUSED', `The answer of OpenRouter was not taken: ${why}`, {
    hint: 'Nothing more is sent there in this turn; see the privacy settings of the account at openrouter.ai',
  });
}
