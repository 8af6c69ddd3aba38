// How many tokens a text is likely to be, for servers that don't say and for budgets made before the call.
// Guarantee: errs on the high side for Latin text and code, and counts other scripts near one token a character.

const CHARACTERS_PER_TOKEN = 3.6;
const OTHER_SCRIPT_UNITS_PER_TOKEN = 1.3;
/** Role, separators and the like, which every chat template adds to a message. */
export const TOKENS_PER_MESSAGE = 5;

export function estimateTokens(text: string): number {
  let plain = 0;
  for (let index = 0; index < text.length; index += 1) if (text.charCodeAt(index) < 0x250) plain += 1;
  return Math.ceil(plain / CHARACTERS_PER_TOKEN + (text.length - plain) / OTHER_SCRIPT_UNITS_PER_TOKEN);
}

export function estimateMessagesTokens(messages: readonly { content: string }[]): number {
  return messages.reduce((sum, message) => sum + estimateTokens(message.content) + TOKENS_PER_MESSAGE, 0);
}

/** No text of any script has more tokens than that, special ones aside; the estimate is for ordinary text. */
const FEWEST_BYTES_PER_TOKEN = 2;

/** The most tokens that messages can be: for what must never be exceeded. */
export function mostMessagesTokens(messages: readonly { content: string }[]): number {
  const sizeBytes = messages.reduce((sum, { content }) => sum + Buffer.byteLength(content), 0);
  return Math.max(estimateMessagesTokens(messages), Math.ceil(sizeBytes / FEWEST_BYTES_PER_TOKEN));
}
