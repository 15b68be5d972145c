import { ANSWER } from '../gateway-call.ts';
import { listen } from './listen.ts';
import { serveParent } from './serve-parent.ts';

const HEADERS = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(ANSWER) };

/** An MCP server that answers everything with one result. */
serveParent(() => listen((_, response) => void response.writeHead(200, HEADERS).end(ANSWER)));
