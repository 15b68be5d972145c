import { once } from 'node:events';
import { parseArgs } from 'node:util';
import { startCompany, type Company } from './company.ts';
import { PERSONAS } from './issuer.ts';
import { renderReports } from './render-reports.ts';
import { playScenario } from './scenario.ts';

function howTo({ issuer, server, gateway, approvals }: Company): string {
  return `
Everything keeps running until you press Ctrl+C:
  ${gateway.url}   the gateway, with policy.yaml
  ${server.url}   the HR server behind it, unprotected
  ${issuer.url}       the token issuer; personas: ${Object.keys(PERSONAS).join(', ')}

The questions that wait for a manager (a raise over 10,000 asks one):
  npx indelible approvals list --socket ${approvals}

A token, and one call with it (protocol 2026-07-28, which needs no session):
  TOKEN=$(curl -s ${issuer.url}/token -d persona=henry | sed 's/.*"access_token":"\\([^"]*\\)".*/\\1/')
  curl -s ${gateway.url} \\
    -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' \\
    -H 'Accept: application/json, text/event-stream' -H 'MCP-Protocol-Version: 2026-07-28' \\
    -H 'Mcp-Method: tools/call' -H 'Mcp-Name: get_compensation' \\
    -d '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"get_compensation",
         "arguments":{"employee_id":"E-100457"},
         "_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28",
                  "io.modelcontextprotocol/clientCapabilities":{}}}}'
`;
}

/** Resolves to the exit code: 0 when every step of the scenario came out as expected, else 1. */
async function main(): Promise<number> {
  const { values } = parseArgs({ options: { once: { type: 'boolean', default: false } } });
  const company = await startCompany();
  try {
    const reports = await playScenario(company.gateway.url, company.issuer, company.approvals);
    const different = reports.filter(({ matches }) => !matches).length;
    process.stdout.write(renderReports(reports));
    process.stdout.write(
      different === 0
        ? `\nall ${reports.length} calls came out as expected\n`
        : `\n${different} of ${reports.length} calls came out otherwise than expected\n`,
    );
    if (!values.once) {
      process.stdout.write(howTo(company));
      await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
    }
    return different === 0 ? 0 : 1;
  } finally {
    await company.close();
  }
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
