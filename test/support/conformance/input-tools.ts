import {
  acceptedContent,
  CLIENT_CAPABILITIES_META_KEY,
  inputRequired,
  inputResponse,
  type InputRequests,
  type McpServer,
  type RequestStateCodec,
  type ServerContext,
} from '@modelcontextprotocol/server';
import { z } from 'zod';
import { textResult } from './content.ts';

/** What the multi-round tools remember between rounds, inside the signed `requestState`. */
export interface RoundState {
  readonly round: number;
}

const form = {
  name: z.object({ name: z.string() }),
  color: z.object({ color: z.string() }),
  confirmation: z.object({ ok: z.boolean() }),
  contact: z.object({ username: z.string(), email: z.string() }),
};

/** What the client declared: with each request since 2026-07-28, when it initialized the session before. */
function capabilities(context: ServerContext, server: McpServer): Readonly<Record<string, unknown>> {
  const envelope: Readonly<Record<string, unknown>> = { ...context.mcpReq.envelope };
  return { ...(envelope[CLIENT_CAPABILITIES_META_KEY] ?? server.server.getClientCapabilities()) };
}

/**
 * Tools that need something of the client before they can answer. They are written for the multi-round trip of
 * 2026-07-28 (SEP-2322); on 2025 sessions the SDK turns the same input requests into requests to the client.
 */
export function registerInputTools(server: McpServer, states: RequestStateCodec<RoundState>): void {
  const mint = (round: number, context: ServerContext): Promise<string> => states.mint({ round }, context);

  server.registerTool(
    'test_sampling',
    { description: 'Asks the client to sample a model', inputSchema: z.object({ prompt: z.string() }) },
    ({ prompt }, { mcpReq }) => {
      const answer = inputResponse(mcpReq.inputResponses, 'answer');
      if (answer.kind === 'sampling') return textResult(`LLM response: ${JSON.stringify(answer.result.content)}`);
      return inputRequired({ inputRequests: { answer: sampling(prompt, 100) } });
    },
  );
  server.registerTool(
    'test_elicitation',
    { description: 'Asks the user for contact data', inputSchema: z.object({ message: z.string() }) },
    ({ message }, { mcpReq }) => {
      const contact = inputResponse(mcpReq.inputResponses, 'contact');
      if (contact.kind === 'elicit') {
        return textResult(`User response: action=${contact.action}, content=${JSON.stringify(contact.content)}`);
      }
      return inputRequired({
        inputRequests: { contact: inputRequired.elicit({ message, requestedSchema: form.contact }) },
      });
    },
  );
  registerForm(server, 'test_elicitation_sep1034_defaults', 'Asks with a default for each primitive type', {
    name: { type: 'string', description: 'User name', default: 'John Doe' },
    age: { type: 'integer', description: 'User age', default: 30 },
    score: { type: 'number', description: 'User score', default: 95.5 },
    status: { type: 'string', description: 'User status', enum: ['active', 'inactive', 'pending'], default: 'active' },
    verified: { type: 'boolean', description: 'Verification status', default: true },
  });
  registerForm(server, 'test_elicitation_sep1330_enums', 'Asks with all five forms of an enumeration', {
    untitledSingle: { type: 'string', enum: ['option1', 'option2', 'option3'] },
    titledSingle: { type: 'string', oneOf: titles('Option') },
    legacyEnum: {
      type: 'string',
      enum: ['opt1', 'opt2', 'opt3'],
      enumNames: ['Option One', 'Option Two', 'Option Three'],
    },
    untitledMulti: { type: 'array', items: { type: 'string', enum: ['option1', 'option2', 'option3'] } },
    titledMulti: { type: 'array', items: { anyOf: titles('Choice') } },
  });

  server.registerTool('test_input_required_result_elicitation', { description: 'Asks for a name' }, ({ mcpReq }) => {
    const given = acceptedContent(mcpReq.inputResponses, 'user_name', form.name);
    if (given !== undefined) return textResult(`Hello, ${given.name}!`);
    return inputRequired({ inputRequests: { user_name: nameForm('What is your name?') } });
  });
  server.registerTool('test_input_required_result_sampling', { description: 'Asks a model' }, ({ mcpReq }) => {
    const answer = inputResponse(mcpReq.inputResponses, 'capital_question');
    if (answer.kind === 'sampling') return textResult(JSON.stringify(answer.result.content));
    return inputRequired({ inputRequests: { capital_question: sampling('What is the capital of France?', 100) } });
  });
  server.registerTool('test_input_required_result_list_roots', { description: 'Asks for roots' }, ({ mcpReq }) => {
    const answer = inputResponse(mcpReq.inputResponses, 'client_roots');
    if (answer.kind === 'roots') return textResult(answer.roots.map((root) => root.uri).join(', '));
    return inputRequired({ inputRequests: { client_roots: inputRequired.listRoots() } });
  });
  for (const name of ['test_input_required_result_request_state', 'test_input_required_result_tampered_state']) {
    server.registerTool(name, { description: 'Remembers a state that the client echoes' }, async (context) => {
      const confirmed = acceptedContent(context.mcpReq.inputResponses, 'confirm', form.confirmation);
      const state = context.mcpReq.requestState<RoundState>();
      if (confirmed !== undefined && state?.round === 1) return textResult('state-ok');
      return inputRequired({
        inputRequests: {
          confirm: inputRequired.elicit({ message: 'Please confirm', requestedSchema: form.confirmation }),
        },
        requestState: await mint(1, context),
      });
    });
  }
  server.registerTool(
    'test_input_required_result_multiple_inputs',
    { description: 'Asks for three things at once' },
    async (context) => {
      const responses = context.mcpReq.inputResponses;
      const user = acceptedContent(responses, 'user_name', form.name);
      const complete =
        inputResponse(responses, 'greeting').kind === 'sampling' &&
        inputResponse(responses, 'client_roots').kind === 'roots';
      if (user !== undefined && complete) return textResult(`All inputs of ${user.name} received`);
      return inputRequired({
        inputRequests: {
          user_name: nameForm('What is your name?'),
          greeting: sampling('Generate a greeting', 50),
          client_roots: inputRequired.listRoots(),
        },
        requestState: await mint(1, context),
      });
    },
  );
  server.registerTool(
    'test_input_required_result_multi_round',
    { description: 'Asks twice, one thing after the other' },
    async (context) => {
      const responses = context.mcpReq.inputResponses;
      const round = context.mcpReq.requestState<RoundState>()?.round ?? 0;
      const color = acceptedContent(responses, 'step2', form.color);
      if (round === 2 && color !== undefined) return textResult(`Color ${color.color}`);
      if (round === 1 && acceptedContent(responses, 'step1', form.name) !== undefined) {
        const step2 = inputRequired.elicit({
          message: 'Step 2: What is your favorite color?',
          requestedSchema: form.color,
        });
        return inputRequired({ inputRequests: { step2 }, requestState: await mint(2, context) });
      }
      return inputRequired({
        inputRequests: { step1: nameForm('Step 1: What is your name?') },
        requestState: await mint(1, context),
      });
    },
  );
  server.registerTool(
    'test_input_required_result_capabilities',
    { description: 'Asks only for what the client can give' },
    (context) => {
      const declared = capabilities(context, server);
      const inputRequests: InputRequests = {};
      if (declared['elicitation'] !== undefined) inputRequests['user_name'] = nameForm('What is your name?');
      if (declared['sampling'] !== undefined) inputRequests['greeting'] = sampling('Generate a greeting', 50);
      if (Object.keys(inputRequests).length === 0) return textResult('The client offers no input');
      return inputRequired({ inputRequests });
    },
  );
  server.registerTool('test_streaming_elicitation', { description: 'Asks on a streamed answer' }, ({ mcpReq }) => {
    if (acceptedContent(mcpReq.inputResponses, 'user_name') !== undefined) return textResult('Done');
    return inputRequired({ inputRequests: { user_name: nameForm('What is your name?') } });
  });
  server.registerTool('test_missing_capability', { description: 'Cannot work without sampling' }, ({ mcpReq }) => {
    const answer = inputResponse(mcpReq.inputResponses, 'answer');
    if (answer.kind === 'sampling') return textResult('The client can sample');
    return inputRequired({ inputRequests: { answer: sampling('Say something', 10) } });
  });
  server.registerPrompt(
    'test_input_required_result_prompt',
    { description: 'A prompt that first asks for its context' },
    ({ mcpReq }) => {
      const given = acceptedContent(mcpReq.inputResponses, 'user_context', z.object({ context: z.string() }));
      if (given !== undefined) {
        return { messages: [{ role: 'user', content: { type: 'text', text: `Context: ${given.context}` } }] };
      }
      const user_context = inputRequired.elicit({
        message: 'What context should the prompt use?',
        requestedSchema: z.object({ context: z.string() }),
      });
      return inputRequired({ inputRequests: { user_context } });
    },
  );
}

function sampling(prompt: string, maxTokens: number): InputRequests[string] {
  return inputRequired.createMessage({
    messages: [{ role: 'user', content: { type: 'text', text: prompt } }],
    maxTokens,
  });
}

function nameForm(message: string): InputRequests[string] {
  return inputRequired.elicit({ message, requestedSchema: form.name });
}

type FormProperties = Extract<
  Parameters<typeof inputRequired.elicit>[0]['requestedSchema'],
  { type: 'object' }
>['properties'];

function registerForm(server: McpServer, name: string, description: string, properties: FormProperties): void {
  server.registerTool(name, { description }, ({ mcpReq }) => {
    const filled = inputResponse(mcpReq.inputResponses, 'form');
    if (filled.kind === 'elicit') {
      return textResult(`Elicitation completed: action=${filled.action}, content=${JSON.stringify(filled.content)}`);
    }
    const requestedSchema = { type: 'object' as const, properties, required: [] };
    return inputRequired({
      inputRequests: { form: inputRequired.elicit({ message: 'Please fill in the form', requestedSchema }) },
    });
  });
}

function titles(noun: string): { const: string; title: string }[] {
  return ['First', 'Second', 'Third'].map((ordinal, index) => ({
    const: `value${index + 1}`,
    title: `${ordinal} ${noun}`,
  }));
}
