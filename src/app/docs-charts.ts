/** `npm run docs:charts`: draws every chart from its code into docs/charts. A test holds the drawings to the code. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { AnyStateMachine, AnyStateNode, AnyTransitionDefinition } from 'xstate';
import type { Chart } from '../../actors/chart.ts';
import { CLOSE, OPEN } from '../../statecharts/effects.ts';
import { CHARTS } from './charts.ts';

export async function drawAllCharts(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const chart of CHARTS) await writeFile(join(folder, `${chart.kind}.md`), drawChart(chart));
}

/** A page: the diagram, and what each state opens and closes. */
export function drawChart({ kind, version, machine }: Chart): string {
  const lines = [
    `# ${kind}`,
    '',
    `Version ${version}. Drawn from \`statecharts/${kind}.machine.ts\` by \`npm run docs:charts\`.`,
    '',
  ];
  lines.push('```mermaid', 'stateDiagram-v2', ...statesOf(machine.root, 1), ...transitionsOf(machine.root), '```', '');
  const effects = effectRows(machine);
  if (effects.length > 0) lines.push('| State | On entry | On exit |', '|---|---|---|', ...effects, '');
  return `${lines.join('\n')}`;
}

/** Mermaid's ids have no dots. */
const idOf = (node: AnyStateNode): string => node.path.join('_');
const childrenOf = (node: AnyStateNode): readonly AnyStateNode[] => Object.values(node.states);

function statesOf(node: AnyStateNode, depth: number): readonly string[] {
  const indent = '  '.repeat(depth);
  const lines: string[] = [];
  const { initial } = node;
  for (const target of initial?.target ?? []) lines.push(`${indent}[*] --> ${idOf(target)}`);
  childrenOf(node).forEach((child, index) => {
    if (node.type === 'parallel' && index > 0) lines.push(`${indent}--`);
    lines.push(`${indent}state "${child.key}" as ${idOf(child)}`);
    if (childrenOf(child).length > 0)
      lines.push(`${indent}state ${idOf(child)} {`, ...statesOf(child, depth + 1), `${indent}}`);
    if (child.type === 'final') lines.push(`${indent}${idOf(child)} --> [*]`);
  });
  return lines;
}

function transitionsOf(root: AnyStateNode): readonly string[] {
  const lines: string[] = [];
  const visit = (node: AnyStateNode): void => {
    for (const [event, transitions] of node.transitions)
      for (const transition of transitions) lines.push(...arrow(node, nameOf(event), transition));
    for (const transition of node.always ?? []) lines.push(...arrow(node, 'at once', transition));
    for (const child of childrenOf(node)) visit(child);
  };
  visit(root);
  return [...new Set(lines)];
}

/** Every arrow of the root would start everywhere: it is drawn from each state at the top. What changes nothing is left out. */
function arrow(node: AnyStateNode, event: string, transition: AnyTransitionDefinition): readonly string[] {
  const { guard, actions, target, reenter } = transition;
  const what = [...actions.map(nameOfAction)].filter((name) => name !== '');
  if (target === undefined && what.length === 0) return [];
  const label = `${event}${guard === undefined ? '' : ` [${nameOfAction(guard)}]`}${what.length === 0 ? '' : ` / ${what.join(', ')}`}${reenter && target?.includes(node) === true ? ' (again)' : ''}`;
  const from = node.parent === undefined ? childrenOf(node).filter((child) => child.type !== 'final') : [node];
  return from.flatMap((source) =>
    (target ?? [source]).map((to) => `  ${idOf(source)} --> ${idOf(to)}: ${label.replaceAll(':', ' ')}`),
  );
}

function nameOf(event: string): string {
  const delay = /^xstate\.after\.([^.]+)\./.exec(event)?.[1];
  if (delay === undefined) return event;
  return /^\d+$/.test(delay) ? `after ${Number(delay) / 1000} s` : `after ${delay}`;
}

function nameOfAction(action: unknown): string {
  if (typeof action === 'string') return action;
  const { type, params } = action as { type?: string; params?: unknown };
  if (type === OPEN) return `open ${keyOf(params)}`;
  if (type === CLOSE) return `close ${keyOf(params)}`;
  return typeof type === 'string' && !type.startsWith('xstate.') ? type : '';
}

/** A key is given as it stands, or by a function of the context or the event; empty ones show its form. */
function keyOf(params: unknown): string {
  const context = { tasks: {}, rounds: 0, incarnation: 'incarnation' };
  const event = { proposal: { id: 'proposal' } };
  const given = typeof params === 'function' ? (params as (from: unknown) => unknown)({ context, event }) : params;
  return (given as { key: string }).key;
}

function effectRows(machine: AnyStateMachine): readonly string[] {
  const rows: string[] = [];
  const visit = (node: AnyStateNode): void => {
    const [entry, exit] = [node.entry, node.exit].map((actions) => actions.map(nameOfAction).filter((name) => name !== ''));
    if ((entry?.length ?? 0) + (exit?.length ?? 0) > 0)
      rows.push(`| \`${node.path.join('.')}\` | ${entry?.join(', ')} | ${exit?.join(', ')} |`);
    for (const child of childrenOf(node)) visit(child);
  };
  visit(machine.root);
  return rows;
}
