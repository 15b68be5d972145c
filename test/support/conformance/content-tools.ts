import { setTimeout as delay } from 'node:timers/promises';
import { fromJsonSchema, type McpServer } from '@modelcontextprotocol/server';
import richSchema from '../../../fixtures/mcp/rich-tool.schema.json' with { type: 'json' };
import { PNG_PIXEL, SILENT_WAV, text, textResult } from './content.ts';

/** Events of one call are spaced so that a client sees several, as the suite's scenarios demand. */
const STEP_MS = 50;

const headerSchema = {
  type: 'object',
  properties: { region: { type: 'string', 'x-mcp-header': 'Region' } },
  required: ['region'],
};

/** Tools that answer by themselves: every kind of content, an error, notifications on the way, a dropped stream. */
export function registerContentTools(server: McpServer): void {
  server.registerTool('test_simple_text', { description: 'Answers with one text' }, () =>
    textResult('This is a simple text response for testing.'),
  );
  server.registerTool('test_image_content', { description: 'Answers with an image' }, () => ({
    content: [{ type: 'image', data: PNG_PIXEL, mimeType: 'image/png' }],
  }));
  server.registerTool('test_audio_content', { description: 'Answers with audio' }, () => ({
    content: [{ type: 'audio', data: SILENT_WAV, mimeType: 'audio/wav' }],
  }));
  server.registerTool('test_embedded_resource', { description: 'Answers with an embedded resource' }, () => ({
    content: [
      {
        type: 'resource',
        resource: {
          uri: 'test://embedded-resource',
          mimeType: 'text/plain',
          text: 'This is an embedded resource content.',
        },
      },
    ],
  }));
  server.registerTool('test_multiple_content_types', { description: 'Answers with text, image and resource' }, () => ({
    content: [
      text('Multiple content types test:'),
      { type: 'image', data: PNG_PIXEL, mimeType: 'image/png' },
      {
        type: 'resource',
        resource: {
          uri: 'test://mixed-content-resource',
          mimeType: 'application/json',
          text: '{"test":"data","value":123}',
        },
      },
    ],
  }));
  server.registerTool('test_error_handling', { description: 'Always fails' }, () => {
    throw new Error('This tool intentionally returns an error for testing');
  });
  server.registerTool('test_tool_with_logging', { description: 'Logs three times' }, async (context) => {
    await context.mcpReq.log('info', 'Tool execution started');
    await delay(STEP_MS);
    await context.mcpReq.log('info', 'Tool processing data');
    await delay(STEP_MS);
    await context.mcpReq.log('info', 'Tool execution completed');
    return textResult('Tool with logging executed');
  });
  server.registerTool('test_logging_tool', { description: 'Logs if the request asked for logs' }, async (context) => {
    await context.mcpReq.log('info', 'test_logging_tool ran');
    return textResult('Logged');
  });
  server.registerTool('test_tool_with_progress', { description: 'Reports progress' }, async (context) => {
    const { _meta: meta } = context.mcpReq;
    const progressToken = meta?.progressToken;
    for (const progress of [0, 50, 100]) {
      if (progress > 0) await delay(STEP_MS);
      if (progressToken !== undefined) {
        const params = { progressToken, progress, total: 100 };
        await context.mcpReq.notify({ method: 'notifications/progress', params });
      }
    }
    return textResult('Tool with progress executed');
  });
  server.registerTool('test_reconnection', { description: 'Closes its stream before it answers' }, async (context) => {
    context.http?.closeSSE?.();
    await delay(STEP_MS);
    return textResult('Answered on a resumed stream');
  });
  server.registerTool(
    'json_schema_2020_12_tool',
    {
      description: 'Tool with JSON Schema 2020-12 features',
      inputSchema: fromJsonSchema<Record<string, unknown>>(richSchema),
    },
    (args) => textResult(JSON.stringify(args)),
  );
  server.registerTool(
    'test_custom_header',
    {
      description: 'Mirrors an argument in an Mcp-Param header (SEP-2243)',
      inputSchema: fromJsonSchema<{ region: string }>(headerSchema),
    },
    ({ region }) => textResult(`region ${region}`),
  );
}
