// Keeps text from outside (notes, questions, filters) from speaking the protocol: its tags and the template's control marks.
// Each `<` that would open one becomes `\x3c`: visible, and in a Python literal exactly the same string, so that a model
// which copies it into code writes back what the note really says.

// The white space before and after the slash must not be able to share one run: a note may hold a megabyte of it.
const PROTOCOL_TAG = /<(?=\s*(?:\/\s*)?(?:result|reply|python|think|filter|tool_response|tool_call)\b)|<(?=\|)/gi;

export function neutraliseTags(text: string): string {
  return text.replace(PROTOCOL_TAG, '\\x3c');
}
