/**
 * Asks a server whether it takes clients, with the client protocol's first lines: INFO from the server, then CONNECT and
 * PING, answered by PONG or -ERR. Used while a server starts, where the client library would print, retry or wait.
 */
import { connect } from 'node:net';
import { z } from 'zod';
import type { Login } from './server-file.ts';

const serverInfo = z.object({
  server_name: z.string(),
  version: z.string(),
  jetstream: z.boolean().optional(),
  max_payload: z.number(),
});

export type ServerProbe =
  | { readonly kind: 'ready'; readonly serverName: string; readonly version: string }
  | { readonly kind: 'denied'; readonly sentence: string }
  | { readonly kind: 'silent'; readonly sentence: string };

export interface ProbeOptions {
  readonly host: string;
  readonly port: number;
  readonly login: Login;
  readonly timeoutUs: number;
}

const LINES_CHARS_MAX = 64 * 1024;

export function probeServer(options: ProbeOptions): Promise<ServerProbe> {
  return new Promise((resolve) => {
    const socket = connect({ host: options.host, port: options.port });
    const timer = setTimeout(() => finish({ kind: 'silent', sentence: 'no answer in time' }), options.timeoutUs / 1000);
    let rest = '';
    let info: z.infer<typeof serverInfo> | undefined;
    socket.setEncoding('utf8');
    socket.on('error', (error) => finish({ kind: 'silent', sentence: error.message }));
    socket.on('close', () => finish({ kind: 'silent', sentence: 'the connection was closed' }));
    socket.on('data', (chunk: string) => {
      rest += chunk;
      if (rest.length > LINES_CHARS_MAX) return finish({ kind: 'silent', sentence: 'what answers there is no NATS server' });
      for (let end = rest.indexOf('\r\n'); end >= 0; end = rest.indexOf('\r\n')) {
        const line = rest.slice(0, end);
        rest = rest.slice(end + 2);
        take(line);
      }
    });

    function take(line: string): void {
      if (line.startsWith('INFO ')) {
        const parsed = serverInfo.safeParse(parseJson(line.slice(5)));
        if (!parsed.success) return finish({ kind: 'silent', sentence: 'what answers there is no NATS server' });
        info = parsed.data;
        const { user, password } = options.login;
        const hello = {
          verbose: false,
          pedantic: false,
          lang: 'drover',
          version: '1',
          name: 'drover-probe',
          user,
          pass: password,
        };
        socket.write(`CONNECT ${JSON.stringify(hello)}\r\nPING\r\n`);
      } else if (line === 'PONG' && info !== undefined) {
        finish({ kind: 'ready', serverName: info.server_name, version: info.version });
      } else if (line.startsWith('-ERR')) {
        finish({ kind: 'denied', sentence: line.slice(5) });
      }
    }

    function finish(probe: ServerProbe): void {
      clearTimeout(timer);
      socket.destroy();
      resolve(probe);
    }
  });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Not JSON, so not the greeting of a NATS server: the schema refuses `undefined`.
    return undefined;
  }
}
