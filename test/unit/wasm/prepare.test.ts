/** The deploy pass: what it refuses and by which name, and that what it lets through still computes the same. */
import { describe, expect, it } from 'vitest';
import { prepareModule } from '../../../infra/runtime/wasm/prepare.ts';
import { taskText, wat } from '../../support/wasm.ts';

const options = { memoryBytesMax: 1 << 20 };
const refusal = (text: string): { code?: string; message: string } => {
  try {
    prepareModule(wat(text), options);
  } catch (error) {
    return error as { code?: string; message: string };
  }
  return { message: 'it was let through' };
};

const refused: readonly [string, string, string][] = [
  [
    'relaxed SIMD',
    taskText('(drop (f32x4.relaxed_madd (v128.const i32x4 0 0 0 0) (v128.const i32x4 0 0 0 0) (v128.const i32x4 0 0 0 0)))'),
    'relaxed SIMD',
  ],
  ['shared memory', taskText('', '', '(memory (export "memory") 1 2 shared)'), 'shared memory (threads)'],
  [
    'atomic instructions',
    taskText('(drop (i32.atomic.load (i32.const 0)))', '', '(memory (export "memory") 1 2 shared)'),
    'threads (atomic instructions)',
  ],
  [
    'table.set',
    taskText('(table.set $t (i32.const 0) (ref.null func))', '(table $t 1 funcref)'),
    'a mutable table (table.set)',
  ],
  [
    'table.grow',
    taskText('(drop (table.grow $t (ref.null func) (i32.const 1)))', '(table $t 1 funcref)'),
    'a mutable table (table.grow)',
  ],
  [
    'table.fill',
    taskText('(table.fill $t (i32.const 0) (ref.null func) (i32.const 1))', '(table $t 1 funcref)'),
    'a mutable table (table.fill)',
  ],
  [
    'table.copy',
    taskText('(table.copy $t $t (i32.const 0) (i32.const 0) (i32.const 0))', '(table $t 1 funcref)'),
    'a mutable table (table.copy)',
  ],
  [
    'table.init',
    taskText('(table.init $t $e (i32.const 0) (i32.const 0) (i32.const 0))', '(table $t 1 funcref) (elem $e func $output)'),
    'a mutable table (table.init)',
  ],
  ['elem.drop', taskText('(elem.drop $e)', '(elem $e func $output)'), 'dropped element segments'],
  ['data.drop', taskText('(data.drop $d)', '(data $d "abc")'), 'dropped data segments'],
  ['an exported table', taskText('', '(table (export "table") 1 funcref)'), 'an exported table (table)'],
  [
    'an imported table',
    taskText('').replace('(module', '(module (import "env" "table" (table 1 funcref))'),
    'an imported table (env.table)',
  ],
  [
    'an imported memory',
    taskText('', '', '').replace('(module', '(module (import "env" "memory" (memory 1)) (export "memory" (memory 0))'),
    'an imported memory (env.memory)',
  ],
  [
    'an imported global',
    taskText('').replace('(module', '(module (import "env" "base" (global i32))'),
    'an imported global (env.base)',
  ],
  ['a reference global', taskText('', '(global (mut funcref) (ref.null func))'), 'a global that holds a reference'],
  [
    'an external reference global',
    taskText('', '(global (mut externref) (ref.null extern))'),
    'a global that holds a reference',
  ],
  ['a v128 global', taskText('', '(global (mut v128) (v128.const i32x4 0 0 0 0))'), 'a mutable global of type v128'],
  [
    'a NaN of its own',
    taskText('', '(global (mut f64) (f64.const nan:0x8000000000001))'),
    'a mutable global that starts as a NaN',
  ],
  [
    'a clock',
    taskText('(drop (call $now))').replace('(module', '(module (import "env" "Date.now" (func $now (result f64)))'),
    'an unknown import (env.Date.now): time is an input',
  ],
  [
    'randomness',
    taskText('(drop (call $seed))').replace('(module', '(module (import "env" "seed" (func $seed (result f64)))'),
    'an unknown import (env.seed): randomness is an input',
  ],
  [
    'an import with another signature',
    taskText('').replace('(param i32 i32 i32)', '(param i32)'),
    'the import drover.output with another signature',
  ],
  ['memory64', taskText('', '', '(memory (export "memory") i64 1)'), 'memory64'],
  ['two memories', taskText('', '(memory $second 1)'), 'more than one memory'],
  ['exceptions', taskText('(throw $tag)', '(tag $tag)'), 'exception handling'],
  [
    'a garbage-collected type',
    taskText('(drop (struct.new $s (i32.const 1)))', '(type $s (struct (field i32)))'),
    'garbage collection',
  ],
  [
    'a missing job',
    '(module (memory (export "memory") 1) (func (export "drover_input") (param i32) (result i32) (i32.const 0)))',
    'a missing export: the function drover_job',
  ],
  ['a missing input', '(module (memory (export "memory") 1))', 'a missing export: the function drover_input'],
  ['a missing memory', '(module)', 'no memory of its own'],
  [
    'a job with another signature',
    taskText('').replace('(param $kind i32)', '(param $kind i64)'),
    "an export drover_job with another signature than drover's",
  ],
  [
    'a reserved export',
    taskText('', '(global (export "drover.fuel") i32 (i32.const 0))'),
    'an export under a reserved name (drover.fuel)',
  ],
  [
    'more memory than its bound',
    taskText('', '', '(memory (export "memory") 17)'),
    "more memory at its start (1088 KiB) than the task's bound (1024 KiB)",
  ],
];

describe('the deploy pass refuses by name', () => {
  it.each(refused)('%s', (_, text, reason) => {
    const error = refusal(text);
    expect(error.message).toContain(reason);
    expect(error.code).toBe('ERR_MODULE_REFUSED');
  });

  it('and names every reason at once', () => {
    const { message } = refusal(
      taskText('(drop (call $now)) (data.drop $d)', '(data $d "abc")').replace(
        '(module',
        '(module (import "env" "now" (func $now (result f64)))',
      ),
    );
    expect(message).toContain('an unknown import (env.now)');
    expect(message).toContain('dropped data segments');
  });

  it('a module it has prepared already', () => {
    const prepared = prepareModule(wat(taskText('')), options);
    expect(() => prepareModule(prepared, options)).toThrow(/it was prepared already/);
  });
});

describe('the deploy pass tells bytes that are no module', () => {
  const whole = wat(taskText('(i32.store (i32.const 0) (i32.const 1))'));
  const cases: readonly [string, Uint8Array][] = [
    ['nothing', new Uint8Array(0)],
    ['text', new TextEncoder().encode('export function drover_job() {}')],
    ['a module cut short', whole.subarray(0, whole.length - 3)],
    ['a body that does not type-check', wat(taskText('(i32.store (i32.const 0) (i64.const 1))'))],
  ];
  it.each(cases)('%s', (_, bytes) => {
    expect(() => prepareModule(bytes, options)).toThrow(expect.objectContaining({ code: 'ERR_MODULE_INVALID' }));
  });

  it('at every length a module can be cut to', () => {
    for (let length = 0; length < whole.length; length++) {
      expect(() => prepareModule(whole.subarray(0, length), options), `${length} bytes`).toThrow(
        expect.objectContaining({ code: expect.stringMatching(/^ERR_MODULE_(INVALID|REFUSED)$/) }),
      );
    }
  });
});

describe('the deploy pass lets through', () => {
  it('tail calls, function tables that never change, SIMD and several results', () => {
    const text = taskText(
      '(drop (call_indirect (type $unary) (i32.const 5) (i32.const 0))) (drop (f32x4.add (f32x4.splat (f32.const 1)) (f32x4.splat (f32.const 2)))) (drop (i32.add (call $pair)))',
      `(type $unary (func (param i32) (result i32))) (table 2 2 funcref) (elem (i32.const 0) $down $down)
       (func $down (param i32) (result i32) (if (result i32) (local.get 0) (then (return_call $down (i32.sub (local.get 0) (i32.const 1)))) (else (return (i32.const 7)))))
       (func $pair (result i32 i32) (loop $again (br_if $again (i32.const 0))) (return (i32.const 1) (i32.const 2)))`,
    );
    expect(WebAssembly.validate(prepareModule(wat(text), options) as Uint8Array<ArrayBuffer>)).toBe(true);
  });

  it('the same bytes as the same bytes', () => {
    const text = taskText('(drop (f64.sqrt (local.get $number)))', '(global (mut i64) (i64.const 3))');
    expect(prepareModule(wat(text), options)).toEqual(prepareModule(wat(text), options));
  });
});
