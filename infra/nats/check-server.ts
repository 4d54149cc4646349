/** The search for nats-server as lines of `drover doctor`. */
import type { Check } from '../system/doctor.ts';
import { SERVER_VARIABLE, type ServerSearch } from './find-server.ts';
import { isAtLeast, SERVER_VERSION_MIN, type ServerVersion } from './server-version.ts';

/** The first that takes several messages as one atomic batch. */
const BATCH_VERSION: ServerVersion = { major: 2, minor: 12, patch: 0, text: '2.12.0' };

export function checkServer(search: ServerSearch): Check {
  const name = 'nats-server';
  const passedOver = search.tried
    .filter((tried) => tried.outcome === 'too-old' || tried.outcome === 'unusable')
    .map((tried) => tried.note);
  const { server } = search;
  if (server === undefined) {
    const found = passedOver.length > 0 ? `none that can be used: ${passedOver.join('; ')}` : 'none';
    const wayOut =
      `"drover doctor --fetch" fetches one without root; or install nats-server ≥ ${SERVER_VERSION_MIN.text}, or name it in ` +
      `${SERVER_VARIABLE}, or use a running server with --nats URL`;
    return { name, state: 'missing', found, wayOut };
  }
  const found = [`${server.version.text} at ${server.path} (${server.origin})`, ...passedOver].join('; ');
  if (isAtLeast(server.version, BATCH_VERSION)) return { name, state: 'ok', found, wayOut: undefined };
  return {
    name,
    state: 'warn',
    found,
    wayOut: `${BATCH_VERSION.text} or newer writes a job's outputs in one step instead of one by one`,
  };
}
