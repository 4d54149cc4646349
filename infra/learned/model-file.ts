/**
 * A learned model as a file.
 *
 *   0    8  'DRVLEARN'
 *   8    4  version, little-endian (2)
 *   12   4  h, the length of the header, little-endian
 *   16   h  header: JSON in UTF-8, padded with spaces so that 16 + h is a multiple of 8
 *   …       the arrays, in the order and of the types the header lists, each padded with zeros to a multiple of 8
 *   −32 32  SHA-256 of all bytes before
 *
 * Reading trusts nothing: digest, then the header's schema, then that the arrays fill the file exactly, then that they fit each other
 * (`faultOf`). Only then is there a model. A file from another machine can so make a wrong forecast, but neither a crash nor an endless walk.
 */
import { z } from 'zod';
import { NETWORK_FAMILIES } from '../../src/domain/forecast/network.ts';
import type { RareTwin } from '../../src/domain/hazard/rare-twin.ts';
import { DroverError } from '../../src/domain/kernel/error-codes.ts';
import { FAMILIES } from '../../src/domain/learn/architecture.ts';
import { FEATURE_SETS } from '../../src/domain/learn/features.ts';
import { faultOf, type Learned, type Model, type RareTwinModel, TRACE_SOURCES } from '../../src/domain/learn/model.ts';
import { systemHasher } from '../system/hasher.ts';

const MAGIC = new TextEncoder().encode('DRVLEARN');
/** 2: other features than 1, under the same names. */
const VERSION = 2;
const HEAD_BYTES = 16;
const DIGEST_BYTES = 32;

const TYPES = {
  f32: Float32Array,
  f64: Float64Array,
  u32: Uint32Array,
  i16: Int16Array,
  u8: Uint8Array,
} as const;
type TypeName = keyof typeof TYPES;
type Column = Float32Array | Float64Array | Uint32Array | Int16Array | Uint8Array;

const count = z
  .number()
  .int()
  .min(0)
  .max(2 ** 31);
const architecture = z.strictObject({
  family: z.enum(FAMILIES),
  inputs: count.min(1).max(4096),
  widths: z.array(count.min(1).max(4096)).max(64),
  outputs: count.min(1).max(4096),
});
const trained = z.strictObject({
  network: z.string().max(40),
  backend: z.string().max(40),
  seed: count.max(2 ** 32),
  sets: count,
});
const arrays = z
  .array(z.strictObject({ name: z.string().max(40), type: z.enum(['f32', 'f64', 'u32', 'i16', 'u8']), length: count }))
  .max(16);
const headerSchema = z.discriminatedUnion('purpose', [
  z.strictObject({
    purpose: z.literal('yes-no'),
    trained,
    arrays,
    reads: z.enum(FEATURE_SETS),
    shape: z.enum(['row', 'tasks']),
    learned: z.discriminatedUnion('kind', [
      z.strictObject({ kind: z.literal('network'), architecture }),
      z.strictObject({ kind: z.literal('forest') }),
      z.strictObject({ kind: z.literal('bayes') }),
      z.strictObject({ kind: z.literal('knn'), k: count }),
    ]),
  }),
  z.strictObject({ purpose: z.literal('certified'), trained, arrays, architecture }),
  z.strictObject({
    purpose: z.literal('twin'),
    trained,
    arrays,
    architecture,
    range: z.strictObject({ leastUs: z.number(), mostUs: z.number() }),
  }),
  z.strictObject({ purpose: z.literal('trace-twin'), trained, arrays, architecture, uses: z.enum(TRACE_SOURCES) }),
  z.strictObject({
    purpose: z.literal('rare-twin'),
    trained,
    arrays,
    architecture,
    columns: z.array(z.string().min(1).max(200)).min(1).max(1024),
    shape: z.strictObject({
      horizon: z.number(),
      period: z.number(),
      block: count.min(1).max(1_000_000),
      blocks: count.min(1).max(1000),
    }),
    life: z.strictObject({ mean: z.number(), deviation: z.number() }),
  }),
  z.strictObject({
    purpose: z.literal('forecast'),
    trained,
    arrays,
    shape: z.strictObject({
      family: z.enum(NETWORK_FAMILIES),
      width: count.min(1).max(512),
      layers: count.min(1).max(10),
      horizons: z.array(count.min(1).max(100_000)).min(1).max(64),
    }),
  }),
]);
type Header = z.infer<typeof headerSchema>;

export function encodeModel(model: Model): Uint8Array {
  const { header, columns } = takeApart(model);
  const text = new TextEncoder().encode(
    JSON.stringify({
      ...header,
      arrays: [...columns].map(([name, values]) => ({ name, type: typeOf(values), length: values.length })),
    }),
  );
  const headerBytes = padded(HEAD_BYTES + text.length) - HEAD_BYTES;
  const body = [...columns.values()].reduce((sum, values) => sum + padded(values.byteLength), 0);
  const bytes = new Uint8Array(HEAD_BYTES + headerBytes + body + DIGEST_BYTES);
  const view = new DataView(bytes.buffer);
  bytes.set(MAGIC);
  view.setUint32(8, VERSION, true);
  view.setUint32(12, headerBytes, true);
  bytes.fill(0x20, HEAD_BYTES, HEAD_BYTES + headerBytes);
  bytes.set(text, HEAD_BYTES);
  let at = HEAD_BYTES + headerBytes;
  for (const values of columns.values()) {
    bytes.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), at);
    at += padded(values.byteLength);
  }
  systemHasher.digestInto(bytes.subarray(0, at), bytes, at);
  return bytes;
}

/** `name` is for sentences. */
export function decodeModel(bytes: Uint8Array, name: string): Model {
  const bad = (sentence: string, cause?: unknown): DroverError =>
    new DroverError('ERR_MODEL_FILE', `${name}: ${sentence}`, { cause });
  if (bytes.length < HEAD_BYTES + DIGEST_BYTES || MAGIC.some((byte, i) => bytes[i] !== byte))
    throw bad('is no learned model of drover, or is cut short');
  // A copy begins at a multiple of 8, wherever the bytes came from.
  const file = bytes.slice();
  const end = file.length - DIGEST_BYTES;
  const digest = new Uint8Array(DIGEST_BYTES);
  systemHasher.digestInto(file.subarray(0, end), digest, 0);
  if (digest.some((byte, i) => file[end + i] !== byte)) throw bad('is damaged or cut short: its digest is another one');
  const view = new DataView(file.buffer);
  if (view.getUint32(8, true) !== VERSION) throw bad(`is of version ${view.getUint32(8, true)}, this build reads ${VERSION}`);
  const headerEnd = HEAD_BYTES + view.getUint32(12, true);
  if (headerEnd > end || headerEnd % 8 !== 0) throw bad('has a header that is longer than the file');
  const header = readHeader(file.subarray(HEAD_BYTES, headerEnd));
  if (typeof header === 'string') throw bad(`has a header that is none: ${header}`);
  const columns = new Map<string, Column>();
  let at = headerEnd;
  for (const { name: column, type, length } of header.arrays) {
    const byteLength = length * TYPES[type].BYTES_PER_ELEMENT;
    if (at + padded(byteLength) > end) throw bad(`has less of ${column} than its header says`);
    columns.set(column, new TYPES[type](file.buffer, at, length));
    at += padded(byteLength);
  }
  if (at !== end) throw bad('has more than its header says');
  let model: Model;
  try {
    model = putTogether(header, columns);
  } catch (error) {
    throw bad(error instanceof MissingColumn ? `has no ${error.message}` : 'cannot be put together', error);
  }
  const fault = faultOf(model);
  if (fault !== undefined) throw bad(fault);
  return model;
}

const padded = (length: number): number => Math.ceil(length / 8) * 8;

function typeOf(values: Column): TypeName {
  for (const [name, type] of Object.entries(TYPES)) if (values instanceof type) return name as TypeName;
  throw new TypeError('an array of a type that no model has');
}

function readHeader(bytes: Uint8Array): Header | string {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    return 'no JSON';
  }
  const read = headerSchema.safeParse(json);
  if (read.success) return read.data;
  const [issue] = read.error.issues;
  return `${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'invalid'}`;
}

type Columns = Map<string, Column>;

function takeApart(model: Model): { readonly header: Omit<Header, 'arrays'>; readonly columns: Columns } {
  const columns: Columns = new Map();
  const { purpose, trained: by } = model;
  if (purpose === 'twin') {
    columns.set('parameters', model.parameters);
    const { leastUs, mostUs } = model.range;
    return {
      header: {
        purpose,
        trained: by,
        architecture: { ...model.architecture, widths: [...model.architecture.widths] },
        range: { leastUs, mostUs },
      } as Header,
      columns,
    };
  }
  if (purpose === 'forecast') {
    const { family, width, layers, horizons } = model.network;
    columns.set('parameters', model.network.parameters);
    return { header: { purpose, trained: by, shape: { family, width, layers, horizons: [...horizons] } } as Header, columns };
  }
  if (purpose === 'rare-twin') return takeRareApart(model);
  columns.set('mean', model.scale.mean).set('factor', model.scale.factor);
  if (purpose === 'trace-twin') {
    const { execution, wait } = model.traces;
    columns.set('parameters', model.parameters);
    columns.set('traces', Float64Array.of(execution.mean, execution.deviation, wait.mean, wait.deviation));
    columns.set('conditions', model.pool.conditions).set('starts', model.pool.starts).set('jobs', model.pool.jobs);
    return { header: { purpose, trained: by, architecture: model.architecture, uses: model.uses } as Header, columns };
  }
  if (purpose === 'certified') {
    columns.set('parameters', model.parameters);
    return { header: { purpose, trained: by, architecture: model.architecture } as Header, columns };
  }
  columns.set('deferral', Float64Array.of(model.deferral.no, model.deferral.yes));
  const { learned } = model;
  let about: object = { kind: learned.kind };
  if (learned.kind === 'network') {
    about = { kind: learned.kind, architecture: learned.architecture };
    columns.set('parameters', learned.parameters);
  } else if (learned.kind === 'forest') {
    for (const name of ['roots', 'feature', 'threshold', 'left', 'value'] as const) columns.set(name, learned[name]);
  } else if (learned.kind === 'bayes') {
    columns.set('means', learned.means).set('variances', learned.variances).set('prior', Float64Array.of(learned.prior));
  } else {
    about = { kind: learned.kind, k: learned.k };
    columns.set('rows', learned.rows).set('labels', learned.labels);
  }
  return { header: { purpose, trained: by, reads: model.reads, shape: model.shape, learned: about } as Header, columns };
}

function takeRareApart({ purpose, trained: by, twin }: RareTwinModel): ReturnType<typeof takeApart> {
  const { shape, scale, pool, judged } = twin;
  const { horizon, period, block, blocks } = shape;
  const columns: Columns = new Map<string, Column>([
    ['parameters', twin.parameters],
    ['means', scale.means],
    ['deviations', scale.deviations],
    ['expected', scale.expected],
    ['moves', scale.moves],
    ['starts', pool.starts],
    ['times', pool.times],
    ['values', pool.values],
    ['real', judged.real],
    ['bootstrap', judged.bootstrap],
    ['generator', judged.generator],
  ]);
  const header = {
    ...{ purpose, trained: by, architecture: { ...twin.architecture, widths: [...twin.architecture.widths] } },
    ...{ columns: [...twin.columns], shape: { horizon, period, block, blocks } },
    life: { mean: scale.lifeMean, deviation: scale.lifeDeviation },
  };
  return { header: header as Header, columns };
}

class MissingColumn extends Error {}

function putTogether(header: Header, columns: Columns): Model {
  const column = <C extends Column>(name: string, type: abstract new (...args: never[]) => C): C => {
    const values = columns.get(name);
    if (values instanceof type) return values;
    throw new MissingColumn(`column ${name} of the right type`);
  };
  const { purpose, trained: by } = header;
  if (purpose === 'rare-twin') {
    const scale = {
      ...{ means: column('means', Float32Array), deviations: column('deviations', Float32Array) },
      ...{ expected: column('expected', Float32Array), moves: column('moves', Float32Array) },
      ...{ lifeMean: header.life.mean, lifeDeviation: header.life.deviation },
    };
    const twin: RareTwin = {
      ...{ columns: header.columns, shape: { ...header.shape, sensors: header.columns.length }, scale },
      ...{ architecture: header.architecture, parameters: column('parameters', Float32Array) },
      pool: {
        starts: column('starts', Uint32Array),
        times: column('times', Float64Array),
        values: column('values', Float64Array),
      },
      judged: {
        real: column('real', Float64Array),
        bootstrap: column('bootstrap', Float64Array),
        generator: column('generator', Float64Array),
      },
    };
    return { purpose, trained: by, twin };
  }
  if (purpose === 'twin')
    return {
      purpose,
      trained: by,
      range: header.range,
      architecture: header.architecture,
      parameters: column('parameters', Float32Array),
    };
  if (purpose === 'forecast')
    return { purpose, trained: by, network: { ...header.shape, parameters: column('parameters', Float32Array) } };
  const scale = { mean: column('mean', Float32Array), factor: column('factor', Float32Array) };
  if (purpose === 'trace-twin') {
    const [a = Number.NaN, b = Number.NaN, c = Number.NaN, d = Number.NaN] = column('traces', Float64Array);
    return {
      ...{ purpose, trained: by, uses: header.uses, architecture: header.architecture, scale },
      parameters: column('parameters', Float32Array),
      traces: { execution: { mean: a, deviation: b }, wait: { mean: c, deviation: d } },
      pool: {
        conditions: column('conditions', Float32Array),
        starts: column('starts', Uint32Array),
        jobs: column('jobs', Float32Array),
      },
    };
  }
  if (purpose === 'certified')
    return { purpose, trained: by, scale, architecture: header.architecture, parameters: column('parameters', Float32Array) };
  const [no = Number.NaN, yes = Number.NaN] = column('deferral', Float64Array);
  const learned = ((): Learned => {
    const { learned: about } = header;
    if (about.kind === 'network')
      return { kind: about.kind, architecture: about.architecture, parameters: column('parameters', Float32Array) };
    if (about.kind === 'knn')
      return { kind: about.kind, k: about.k, rows: column('rows', Float32Array), labels: column('labels', Uint8Array) };
    if (about.kind === 'bayes') {
      const [prior = Number.NaN] = column('prior', Float64Array);
      return { kind: about.kind, means: column('means', Float32Array), variances: column('variances', Float32Array), prior };
    }
    return {
      kind: about.kind,
      roots: column('roots', Uint32Array),
      feature: column('feature', Int16Array),
      threshold: column('threshold', Float32Array),
      left: column('left', Uint32Array),
      value: column('value', Float32Array),
    };
  })();
  return { purpose, trained: by, reads: header.reads, shape: header.shape, scale, deferral: { no, yes }, learned };
}
