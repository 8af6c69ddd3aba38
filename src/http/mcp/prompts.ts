// The one prompt, `recall`: a person picks it in a client, and the client's model then asks the memory properly.
import { ProtocolError, ProtocolErrorCode, type GetPromptResult, type Prompt } from '@modelcontextprotocol/server';

const MAX_TOPIC_LENGTH = 1024;

export const PROMPTS: readonly Prompt[] = [
  {
    name: 'recall',
    title: 'Recall from memory',
    description: 'Gather what the memory knows about a topic before going on',
    arguments: [{ name: 'topic', description: 'A person, project, place or question', required: true }],
  },
];

export function getPrompt(name: string, args: Record<string, string> | undefined): GetPromptResult {
  if (name !== 'recall')
    throw new ProtocolError(ProtocolErrorCode.InvalidParams, `There is no prompt "${name}"; the only one is "recall"`);
  const topic = args?.['topic']?.trim() ?? '';
  if (topic === '')
    throw new ProtocolError(ProtocolErrorCode.InvalidParams, 'recall needs the argument "topic": what to recall');
  if (topic.length > MAX_TOPIC_LENGTH)
    throw new ProtocolError(ProtocolErrorCode.InvalidParams, `topic: at most ${MAX_TOPIC_LENGTH} characters`);
  const text = `What does my memory hold about this topic: ${topic}

Use use_memory_agent for the question. If its answer leaves something open, use search and read the best notes with fetch, following their [[wikilinks]] where they matter. Then sum up in a few lines what is known, name the notes it comes from, and say plainly what is not known.`;
  return { description: `What is known about ${topic}`, messages: [{ role: 'user', content: { type: 'text', text } }] };
}
