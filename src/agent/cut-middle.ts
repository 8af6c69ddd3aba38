// Shortens a text to a length and says in the gap how much is missing, so that the model never takes a part for the whole.

const HEAD_SHARE = 0.7;

export function cutMiddle(text: string, maxCharacters: number): string {
  if (text.length <= maxCharacters) return text;
  const reserve = marker(text.length, text.length).length;
  const room = Math.max(0, maxCharacters - reserve);
  const head = safeEnd(text, Math.floor(room * HEAD_SHARE));
  const tail = safeEnd(text, text.length - (room - head));
  return text.slice(0, head) + marker(tail - head, text.length) + text.slice(tail);
}

function marker(missing: number, total: number): string {
  return ` …[${missing} of ${total} characters left out here; to see them, assign a smaller part, such as a slice]… `;
}

/** Never between the halves of a surrogate pair. */
function safeEnd(text: string, index: number): number {
  const code = text.charCodeAt(index - 1);
  return code >= 0xd800 && code <= 0xdbff ? index - 1 : index;
}
