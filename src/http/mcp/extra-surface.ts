// The seam the conformance fixtures plug into: tools, prompts and resources beside the product's own. The daemon never
// fills it; tests hand one to `createHttpApps`.
import type {
  CallToolRequest,
  CallToolResult,
  GetPromptRequest,
  GetPromptResult,
  InputRequiredResult,
  Prompt,
  ReadResourceRequest,
  ReadResourceResult,
  Resource,
  ResourceTemplateType,
  Server,
  ServerContext,
  ServerOptions,
  Tool,
} from '@modelcontextprotocol/server';

export interface ExtraTool {
  definition: Tool;
  call(request: CallToolRequest, context: ServerContext): Promise<CallToolResult | InputRequiredResult>;
}

export interface ExtraPrompt {
  definition: Prompt;
  get(request: GetPromptRequest, context: ServerContext): Promise<GetPromptResult | InputRequiredResult>;
}

export interface ExtraSurface {
  serverOptions: ServerOptions;
  tools: readonly ExtraTool[];
  prompts: readonly ExtraPrompt[];
  resources: readonly Resource[];
  templates: readonly ResourceTemplateType[];
  /** undefined: not one of its resources. */
  readResource(request: ReadResourceRequest, context: ServerContext): Promise<ReadResourceResult | undefined>;
  /** For what has no product counterpart (completion, logging). */
  install(server: Server): void;
}
