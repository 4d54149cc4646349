/**
 * Connects to a broker, with settings for a fleet that must find its way back by itself: it reconnects for ever, at once
 * the first time, then after jittered waits that double from 50 ms to 2 s (a thousand bridges must not return in one
 * instant). A connection that is lost again within a second goes on where the waits stood.
 *
 * Pings every second, two unanswered ones allowed: a half-open link (a pulled cable, a broker without power) shows within
 * 3 s, where TCP alone would need minutes. It is well above what a busy event loop delays a pong, and one small frame a
 * second costs nothing beside the heartbeats.
 */
import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type ConnectionOptions,
  credsAuthenticator,
  connect as dial,
  errors,
  type NatsConnection,
} from '@nats-io/transport-node';
import { z } from 'zod';
import { DroverError } from '../../src/domain/kernel/error-codes.ts';
import { createRng, type Rng } from '../../src/domain/kernel/rng.ts';
import { type BusAccess, type BusLogin, type BusTarget, describeAccess } from './bus-target.ts';

export interface ConnectOptions {
  readonly target: BusTarget;
  /** Shown in `$SYS` events; drover's hosts use `<host id>#<incarnation>`. */
  readonly name: string;
  /** Also connect to the system account, where the target has one. */
  readonly withSys?: boolean;
  /** How long to go on trying when nobody answers the first time (default 0: one attempt). A refusal ends it at once. */
  readonly patienceUs?: number;
  readonly rng?: Rng;
}

export interface BusLink {
  readonly connection: NatsConnection;
  /** The account this connection belongs to, as in `$SYS.ACCOUNT.<account>.DISCONNECT`; undefined where the server will not tell. */
  readonly account: string | undefined;
  readonly sys: NatsConnection | undefined;
  /** Sends what is queued, then leaves. */
  close(): Promise<void>;
}

export const PING_INTERVAL_MS = 1000;
export const PINGS_OUT_MAX = 2;
const DIAL_TIMEOUT_MS = 2000;
const DRAIN_TIMEOUT_MS = 1000;
const STABLE_MS = 1000;
const WAIT_MS_MIN = 50;
const WAIT_MS_MAX = 2000;

/** Fails with ERR_BUS_DISCONNECTED (nobody answers), ERR_BUS_DENIED (wrong credentials) or ERR_USAGE (credentials of no use). */
export async function connectBus(options: ConnectOptions): Promise<BusLink> {
  const { target, name } = options;
  const rng = options.rng ?? createRng(randomInt(2 ** 32), name);
  const patience = { untilMs: performance.now() + (options.patienceUs ?? 0) / 1000, rng };
  const connection = await connectPatiently(target.access, name, patience);
  try {
    const account = await accountOf(connection);
    const wantsSys = options.withSys === true && target.sys !== undefined;
    const sys = wantsSys && target.sys !== undefined ? await connectPatiently(target.sys, `${name}/sys`, patience) : undefined;
    const close = async (): Promise<void> => {
      await Promise.all([leave(connection), sys === undefined ? undefined : leave(sys)]);
    };
    return { connection, account, sys, close };
  } catch (error) {
    await connection.close();
    throw error;
  }
}

interface Patience {
  readonly untilMs: number;
  readonly rng: Rng;
}

async function connectPatiently(access: BusAccess, name: string, patience: Patience): Promise<NatsConnection> {
  for (let attempt = 0; ; attempt++) {
    const waitMs = reconnectWaitMs(attempt, patience.rng);
    if (waitMs > 0) await sleep(waitMs);
    try {
      return await connectOnce(access, name, patience.rng);
    } catch (error) {
      const failure = translate(error, access);
      if (failure.code !== 'ERR_BUS_DISCONNECTED' || performance.now() >= patience.untilMs) throw failure;
    }
  }
}

async function connectOnce(access: BusAccess, name: string, rng: Rng): Promise<NatsConnection> {
  const pace = createReconnectPace(rng, () => performance.now());
  const connection = await dial({
    servers: [...access.servers],
    name,
    ...loginOptions(access.login),
    ...(access.tls ? { tls: {} } : {}),
    timeout: DIAL_TIMEOUT_MS,
    pingInterval: PING_INTERVAL_MS,
    maxPingOut: PINGS_OUT_MAX,
    maxReconnectAttempts: -1,
    // A server that comes back with other passwords for a moment (a restore, a rollout) must not end a bridge for good.
    ignoreAuthErrorAbort: true,
    // The library waits per server since its last attempt; the pace below decides alone.
    reconnectDelayHandler: () => 0,
    reconnectToServer: ([next]) => {
      const delay = pace.beforeAttemptMs();
      return next === undefined ? null : { server: next, delay };
    },
    // A stack trace per request costs more than the request.
    noAsyncTraces: true,
  });
  pace.connected();
  void followReconnects(connection, pace);
  return connection;
}

async function followReconnects(connection: NatsConnection, pace: ReconnectPace): Promise<void> {
  for await (const status of connection.status()) {
    if (status.type === 'reconnect') pace.connected();
  }
}

export interface ReconnectPace {
  /** Asked once before each attempt: how long to wait first. */
  beforeAttemptMs(): number;
  connected(): void;
}

export function createReconnectPace(rng: Rng, nowMs: () => number): ReconnectPace {
  let attempts = 0;
  let connectedAtMs: number | undefined;
  return {
    beforeAttemptMs: () => {
      if (connectedAtMs !== undefined && nowMs() - connectedAtMs >= STABLE_MS) attempts = 0;
      connectedAtMs = undefined;
      return reconnectWaitMs(attempts++, rng);
    },
    connected: () => {
      connectedAtMs = nowMs();
    },
  };
}

/** 0 for the first attempt (number 0), then a random half to whole of 50, 100, 200, … 2000 ms. */
export function reconnectWaitMs(attempt: number, rng: Rng): number {
  if (attempt === 0) return 0;
  const longest = Math.min(WAIT_MS_MAX, WAIT_MS_MIN * 2 ** Math.min(attempt - 1, 16));
  return Math.ceil(longest / 2 + (longest / 2) * rng.unit());
}

function loginOptions(login: BusLogin): Pick<ConnectionOptions, 'user' | 'pass' | 'token' | 'authenticator'> {
  switch (login.kind) {
    case 'none':
      return {};
    case 'password':
      return { user: login.user, pass: login.password };
    case 'token':
      return { token: login.token };
    case 'creds': {
      const authenticator = credsAuthenticator(login.creds);
      try {
        // Tried once here: inside the library a file that is no credentials file ends in an unrelated error.
        authenticator('nonce');
      } catch (error) {
        throw new DroverError(
          'ERR_USAGE',
          'the credentials file holds no user JWT with its seed: give the .creds file of a user',
          { cause: error },
        );
      }
      return { authenticator };
    }
  }
}

function translate(error: unknown, access: BusAccess): DroverError {
  if (error instanceof DroverError) return error;
  const where = describeAccess(access);
  if (error instanceof errors.AuthorizationError || error instanceof errors.UserAuthenticationExpiredError) {
    const shown = access.login.kind === 'none' ? 'it wants credentials' : 'it does not take these credentials';
    return new DroverError(
      'ERR_BUS_DENIED',
      `the NATS server at ${where} refused the connection: ${shown}. Give them with --nats-creds FILE or in the URL (nats://user:password@host); ` +
        `for a server that drover started, name its data folder instead`,
      { cause: error },
    );
  }
  const why = error instanceof Error ? error.message : String(error);
  return new DroverError(
    'ERR_BUS_DISCONNECTED',
    `no NATS server answers at ${where} (${why}): check the address and that it runs, or let drover start one`,
    {
      retryable: true,
      cause: error,
    },
  );
}

const userInfo = z.object({ data: z.object({ account: z.string().min(1) }) });

/** Servers ≥ 2.10 tell a user about itself. */
async function accountOf(connection: NatsConnection): Promise<string | undefined> {
  try {
    const answer = await connection.request('$SYS.REQ.USER.INFO', undefined, { timeout: DIAL_TIMEOUT_MS });
    const parsed = userInfo.safeParse(answer.json());
    return parsed.success ? parsed.data.data.account : undefined;
  } catch (error) {
    // No permission, or no system account on that server: the link works without disconnect events.
    if (
      error instanceof errors.RequestError ||
      error instanceof errors.TimeoutError ||
      error instanceof errors.PermissionViolationError
    )
      return undefined;
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** A drain waits for the broker's answer; where the broker is away there is nobody to send to, and closing is enough. */
async function leave(connection: NatsConnection): Promise<void> {
  if (connection.isClosed()) return;
  const bound = new AbortController();
  const drained = connection.drain().catch((error: unknown) => {
    // Lost while it drained: what was not sent is lost as if we had been killed, which everything here survives.
    if (!connection.isClosed() && !(error instanceof errors.RequestError)) throw error;
  });
  await Promise.race([drained, sleep(DRAIN_TIMEOUT_MS, undefined, { signal: bound.signal }).catch(() => {})]);
  bound.abort();
  if (!connection.isClosed()) await connection.close();
}
