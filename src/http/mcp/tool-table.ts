// All tools, in the order `tools/list` shows them: the same for every caller, so that a client may cache it.
import type { RegisteredTool } from './tool.ts';
import { createFileTool } from './tools/create-file.ts';
import { deleteFileTool } from './tools/delete-file.ts';
import { fetchTool } from './tools/fetch.ts';
import { listFilesTool } from './tools/list-files.ts';
import { memoryStatusTool } from './tools/memory-status.ts';
import { searchTool } from './tools/search.ts';
import { updateFileTool } from './tools/update-file.ts';
import { useMemoryAgentTool } from './tools/use-memory-agent.ts';

export const ALL_TOOLS: readonly RegisteredTool[] = [
  useMemoryAgentTool,
  searchTool,
  fetchTool,
  listFilesTool,
  memoryStatusTool,
  createFileTool,
  updateFileTool,
  deleteFileTool,
];

export const TOOLS_BY_NAME: ReadonlyMap<string, RegisteredTool> = new Map(ALL_TOOLS.map((tool) => [tool.name, tool]));
