import { McpServer, type CallToolResult } from '@modelcontextprotocol/server';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import { z } from 'zod';
import { EMPLOYEES, REPOSITORIES, type Employee } from './data.ts';
import { serveMcp, type McpEndpoint } from './serve-mcp.ts';
import { HR_SERVER } from './token-exchange.ts';

/**
 * The tools of an HR department, as an MCP server. It knows nothing of who calls and protects nothing: that is the
 * gateway's work. Only bonuses come from a department that wants to see a token of `issuer`, made for this server; without
 * `issuer` it gives none. The tools declare no output schema, because a redacted salary is no longer a number.
 */
export function startHrServer(port: number, issuer?: string): Promise<McpEndpoint> {
  const mayReadCompensation = issuer === undefined ? () => Promise.resolve(false) : compensationReader(issuer);
  return serveMcp({ port, build: () => buildServer(mayReadCompensation) });
}

type TokenCheck = (authorization: string | null | undefined) => Promise<boolean>;

/** Says of the header of a request whether it holds a token of `issuer` to read compensation here. */
function compensationReader(issuer: string): TokenCheck {
  const keys = createRemoteJWKSet(new URL(`${issuer}/jwks.json`));
  const [scope] = HR_SERVER.scopes;
  return async (authorization) => {
    try {
      const token = authorization?.replace(/^Bearer /u, '') ?? '';
      const { payload } = await jwtVerify(token, keys, {
        issuer,
        audience: HR_SERVER.audience,
        requiredClaims: ['exp'],
      });
      return payload['scope'] === scope;
    } catch {
      return false;
    }
  };
}

function buildServer(mayReadCompensation: TokenCheck): McpServer {
  const server = new McpServer({ name: 'hr-tools', version: '1.0.0' });
  server.registerTool(
    'get_compensation',
    {
      description: 'Compensation of one employee',
      inputSchema: z.object({ employee_id: z.string().describe('such as E-100457') }),
    },
    ({ employee_id }) => {
      const employee = EMPLOYEES.find((candidate) => candidate.employee_id === employee_id);
      return employee === undefined ? failure('no such employee') : answer({ ...employee });
    },
  );
  server.registerTool(
    'get_bonus',
    {
      description: 'Bonus of one employee, in percent of the salary',
      inputSchema: z.object({ employee_id: z.string().describe('such as E-100457') }),
    },
    async ({ employee_id }, { http }) => {
      if (!(await mayReadCompensation(http?.req?.headers.get('authorization')))) return failure('not for this token');
      const employee = EMPLOYEES.find((candidate) => candidate.employee_id === employee_id);
      return employee === undefined
        ? failure('no such employee')
        : answer({ employee_id, bonus_percent: employee.bonus_percent });
    },
  );
  server.registerTool(
    'list_employees',
    {
      description: 'All employees of a department, or of the company',
      inputSchema: z.object({ department: z.string().optional() }),
    },
    ({ department }) => {
      const matches = ({ department: own }: Employee): boolean => department === undefined || own === department;
      return answer({ employees: EMPLOYEES.filter(matches) });
    },
  );
  server.registerTool(
    'search_repos',
    {
      description: 'Repositories whose name or description holds a word',
      inputSchema: z.object({ query: z.string(), visibility: z.string().optional() }),
    },
    ({ query, visibility }) => {
      const repositories = REPOSITORIES.filter(
        (repository) =>
          `${repository.name} ${repository.description}`.toLowerCase().includes(query.toLowerCase()) &&
          (visibility === undefined || repository.visibility === visibility),
      );
      return answer({ repositories });
    },
  );
  server.registerTool(
    'send_email',
    {
      description: 'Sends an e-mail',
      inputSchema: z.object({ to: z.string(), subject: z.string(), body: z.string() }),
    },
    ({ to }) => answer({ status: 'sent', to }),
  );
  server.registerTool(
    'give_raise',
    {
      description: 'Raises the salary of one employee',
      inputSchema: z.object({ employee_id: z.string(), amount: z.number().describe('per year') }),
    },
    ({ employee_id, amount }) => answer({ status: 'raised', employee_id, amount }),
  );
  server.registerTool('export_payroll', { description: 'Everybody’s salary in one file' }, () =>
    answer({ lines: EMPLOYEES.map(({ employee_id, salary }) => `${employee_id};${salary}`) }),
  );
  return server;
}

/** A structured result together with the text that mirrors it, for clients that read text only. */
function answer(structuredContent: Record<string, unknown>): CallToolResult {
  return { structuredContent, content: [{ type: 'text', text: JSON.stringify(structuredContent) }] };
}

function failure(message: string): CallToolResult {
  return { isError: true, content: [{ type: 'text', text: message }] };
}
