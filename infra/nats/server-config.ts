/** The configuration file of drover's own server. Its values are quoted as JSON strings, which the format takes. */
import { join } from 'node:path';
import type { ServerFile } from './server-file.ts';

export interface ServerSettings {
  readonly dataFolder: string;
  readonly file: ServerFile;
  /** -1: the server chooses a free one and writes it to its ports file. */
  readonly port: number;
  readonly sync: SyncPolicy;
  readonly monitoring: boolean;
  readonly storeBytesMax: number | undefined;
}

/**
 * When an append is on the disk. `always`: before it is answered (drover's failure model includes power cuts).
 * `{ everyUs }`: at the latest that much after the answer; what was answered in between is lost with the power, not with
 * the process.
 */
export type SyncPolicy = 'always' | { readonly everyUs: number };

/** The account that holds drover's streams, as `$SYS.ACCOUNT.<name>.DISCONNECT` spells it. */
export const DROVER_ACCOUNT = 'DROVER';

/**
 * The largest message. A full checkpoint is announced with 36 bytes per page of 4 KiB (digest and index), so 8 MiB announces
 * up to 900 MiB of state and the server's default of 1 MiB only 113 MiB. Above 8 MiB the server itself warns: one message
 * then holds up the heartbeats behind it.
 */
export const PAYLOAD_BYTES_MAX = 8 * 1024 * 1024;

/**
 * The server's own pings free the connection of a host that lost its power (nothing closes it) after 15 s instead of
 * 6 minutes. Failures are found long before, by heartbeats; this only cleans up.
 */
const PING_INTERVAL_S = 5;
const PINGS_OUT_MAX = 2;
const LOG_BYTES_MAX = 16 * 1024 * 1024;

export const serverPaths = (dataFolder: string) => ({
  config: join(dataFolder, 'nats-server.conf'),
  pid: join(dataFolder, 'nats-server.pid'),
  log: join(dataFolder, 'nats-server.log'),
  /** What the server says before it has read its configuration, and its stack when it panics. */
  output: join(dataFolder, 'nats-server.out'),
  ports: join(dataFolder, 'ports'),
});

export function serverConfig(settings: ServerSettings): string {
  const { file } = settings;
  const paths = serverPaths(settings.dataFolder);
  const text = JSON.stringify;
  const sync = settings.sync === 'always' ? 'always' : text(`${Math.max(1, Math.round(settings.sync.everyUs / 1000))}ms`);
  return [
    '# Written by drover at every start: changes here are lost.',
    `server_name: ${text(file.serverName)}`,
    `host: ${text(file.host)}`,
    `port: ${settings.port}`,
    ...(settings.monitoring ? ['http: "127.0.0.1:-1"'] : []),
    `pid_file: ${text(paths.pid)}`,
    `ports_file_dir: ${text(paths.ports)}`,
    `log_file: ${text(paths.log)}`,
    `logfile_size_limit: ${LOG_BYTES_MAX}`,
    'logfile_max_num: 3',
    `max_payload: ${PAYLOAD_BYTES_MAX}`,
    `ping_interval: "${PING_INTERVAL_S}s"`,
    `ping_max: ${PINGS_OUT_MAX}`,
    'jetstream {',
    // The server keeps everything in a folder `jetstream` that it makes there.
    `  store_dir: ${text(settings.dataFolder)}`,
    `  sync_interval: ${sync}`,
    ...(settings.storeBytesMax === undefined ? [] : [`  max_file_store: ${settings.storeBytesMax}`]),
    '}',
    'accounts {',
    `  ${DROVER_ACCOUNT} { jetstream: enabled, users: [{ user: ${text(file.drover.user)}, password: ${text(file.drover.password)} }] }`,
    `  SYS { users: [{ user: ${text(file.sys.user)}, password: ${text(file.sys.password)} }] }`,
    '}',
    'system_account: SYS',
    '',
  ].join('\n');
}
