/** Where drover keeps what can be fetched again. Data folders are always named by the user or derived by the command line. */
import { homedir } from 'node:os';
import { join } from 'node:path';

/** `DROVER_CACHE`, else `drover` below the XDG cache folder. An empty variable counts as unset, as XDG says. */
export function cacheFolder(env: Readonly<NodeJS.ProcessEnv> = process.env): string {
  const own = env['DROVER_CACHE'];
  if (own !== undefined && own !== '') return own;
  const xdg = env['XDG_CACHE_HOME'];
  const home = env['HOME'];
  return join(
    xdg !== undefined && xdg !== '' ? xdg : join(home !== undefined && home !== '' ? home : homedir(), '.cache'),
    'drover',
  );
}
