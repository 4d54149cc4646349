/** A server that somebody else runs, with operator, account and user JWTs: drover reaches it with a `.creds` file. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nkeys } from '@nats-io/transport-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { givenTarget } from '../../infra/nats/bus-target.ts';
import { connectBus } from '../../infra/nats/connect.ts';
import { findServer } from '../../infra/nats/find-server.ts';

type KeyPair = ReturnType<typeof nkeys.createUser>;

let folder: string;
let server: ChildProcess;
let url: string;
const operator = nkeys.createOperator();
const fleet = nkeys.createAccount();
const system = nkeys.createAccount();

/** A JWT as the server reads it: signed by `issuer`, about `subject`. */
function jwt(issuer: KeyPair, subject: KeyPair, name: string, nats: Readonly<Record<string, unknown>>): string {
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const claims = {
    jti: name,
    iat: 1_700_000_000,
    iss: issuer.getPublicKey(),
    name,
    sub: subject.getPublicKey(),
    nats: { ...nats, version: 2 },
  };
  const body = `${part({ typ: 'JWT', alg: 'ed25519-nkey' })}.${part(claims)}`;
  return `${body}.${Buffer.from(issuer.sign(new TextEncoder().encode(body))).toString('base64url')}`;
}

const unlimited = { subs: -1, data: -1, payload: -1 };
const account = (key: KeyPair, name: string): string =>
  jwt(operator, key, name, {
    type: 'account',
    limits: { ...unlimited, imports: -1, exports: -1, wildcards: true, conn: -1, leaf: -1 },
  });

function credsFile(name: string, issuer: KeyPair): string {
  const user = nkeys.createUser();
  const token = jwt(issuer, user, name, { type: 'user', pub: {}, sub: {}, ...unlimited });
  const rule = (title: string, content: string): string => `-----BEGIN ${title}-----\n${content}\n------END ${title}------\n`;
  const path = join(folder, `${name}.creds`);
  writeFileSync(path, rule('NATS USER JWT', token) + rule('USER NKEY SEED', new TextDecoder().decode(user.getSeed())), {
    mode: 0o600,
  });
  return path;
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'drover-creds-'));
  const config = [
    'listen: "127.0.0.1:-1"',
    `ports_file_dir: ${JSON.stringify(folder)}`,
    `operator: ${jwt(operator, operator, 'operator', { type: 'operator' })}`,
    `system_account: ${system.getPublicKey()}`,
    'resolver: MEMORY',
    `resolver_preload: { ${fleet.getPublicKey()}: ${account(fleet, 'fleet')}, ${system.getPublicKey()}: ${account(system, 'system')} }`,
  ];
  writeFileSync(join(folder, 'server.conf'), config.join('\n'));
  server = spawn((await findServer()).path, ['-c', join(folder, 'server.conf')], { stdio: 'ignore' });
  let ports = '';
  while (!ports.endsWith('}')) {
    if (server.exitCode !== null) throw new Error(`the server ended with ${server.exitCode}`);
    const file = readdirSync(folder).find((entry) => entry.endsWith('.ports'));
    ports = file === undefined ? '' : readFileSync(join(folder, file), 'utf8').trim();
    await new Promise((resume) => setTimeout(resume, 10));
  }
  url = (JSON.parse(ports) as { readonly nats: readonly [string] }).nats[0];
}, 120_000);
afterAll(() => {
  server.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

describe('credentials files', () => {
  it('let drover in, and its system user too', async () => {
    const target = await givenTarget({ url, credsFile: credsFile('bridge', fleet), sysCredsFile: credsFile('watch', system) });
    const link = await connectBus({ target, name: 'bridge', withSys: true });
    expect(link.account).toBe(fleet.getPublicKey());
    expect(link.sys?.isClosed()).toBe(false);
    await link.close();
  });

  it('without a system user give a link without disconnect events', async () => {
    const link = await connectBus({
      target: await givenTarget({ url, credsFile: credsFile('alone', fleet) }),
      name: 'alone',
      withSys: true,
    });
    expect(link.sys).toBeUndefined();
    await link.close();
  });

  it('of another operator are refused, and so is coming without', async () => {
    const foreign = await givenTarget({ url, credsFile: credsFile('foreign', nkeys.createAccount()) });
    await expect(connectBus({ target: foreign, name: 'foreign' })).rejects.toMatchObject({ code: 'ERR_BUS_DENIED' });
    await expect(connectBus({ target: await givenTarget({ url }), name: 'bare' })).rejects.toMatchObject({
      code: 'ERR_BUS_DENIED',
    });
  });

  it('that are none are named as the cause', async () => {
    writeFileSync(join(folder, 'none.creds'), 'a shopping list');
    const target = await givenTarget({ url, credsFile: join(folder, 'none.creds') });
    await expect(connectBus({ target, name: 'none' })).rejects.toMatchObject({
      code: 'ERR_USAGE',
      message: expect.stringContaining('.creds'),
    });
  });
});
