import { describe, expect, test } from 'vitest';
import { parseChoice } from '../../../infra/nats/receive-policy.ts';
import { parseFleetFile } from '../../../src/app/fleet-file.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('the receiving strategy as it stands in the bucket', () => {
  test('is read with its interval, or with the default one', () => {
    expect(parseChoice(bytes('{"strategy":"interval","intervalUs":5000}'))).toEqual({ strategy: 'interval', intervalUs: 5000 });
    expect(parseChoice(bytes('{"strategy":"push"}'))).toEqual({ strategy: 'push', intervalUs: 1_000_000 });
  });

  for (const text of [
    '',
    'null',
    '[]',
    '"push"',
    '{"strategy":"pull"}',
    '{"strategy":"push","intervalUs":0}',
    '{"strategy":"push","intervalUs":"1"}',
  ])
    test(`is none where it says ${text === '' ? 'nothing' : text}`, () => expect(parseChoice(bytes(text))).toBeUndefined());
});

describe('the receiving strategy in a fleet file', () => {
  test('is the whole fleet’s', () => {
    expect(parseFleetFile('{ receive: interval, receive-interval-ms: 250, ecus: [{}] }', 'fleet.yaml').receive).toEqual({
      strategy: 'interval',
      intervalUs: 250_000,
    });
    expect(parseFleetFile('ecus: [{}]', 'fleet.yaml').receive).toBeUndefined();
  });

  test('is refused where there is no such one', () => {
    expect(() => parseFleetFile('{ receive: pull, ecus: [{}] }', 'fleet.yaml')).toThrow(/receive/);
  });
});
