/**
 * The table of all commands, in the order in which `drover --help` shows them. Each is one file with one function that
 * hangs it onto the program. A command file imports only what its options need and loads the rest (brokers, stores,
 * compilers) inside its action with `await import(…)`, so that `drover --help` stays instant.
 */
import type { Command } from 'commander';
import { registerChaos } from './chaos.ts';
import { registerConformance } from './conformance.ts';
import { registerTest } from './test.ts';

export type RegisterCommand = (program: Command) => void;

export const COMMANDS: readonly RegisterCommand[] = [registerChaos, registerConformance, registerTest];
