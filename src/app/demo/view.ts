/**
 * The demo as a person sees it, on standard error: a few lines that are redrawn in place on a terminal; elsewhere a line for each
 * thing that happens.
 */
import type { Mac, TaskName } from '../../domain/model/ids.ts';
import type { Failover } from '../chaos/failover-times.ts';
import { stderrColours } from '../cli/colours.ts';
import type { DemoFleet, DemoRun, DemoWatcher } from './run-demo.ts';
import { DEMO_ECUS, DEMO_MANAGERS } from './run-demo.ts';

export interface Screen {
  readonly write: (text: string) => void;
  readonly isTerminal: boolean;
  readonly columns: number;
  readonly nowMs: () => number;
}

const { bold, dim, green, red, yellow, cyan } = stderrColours;

export class DemoView implements DemoWatcher {
  private readonly screen: Screen;
  private readonly beganMs: number;
  private fleet: DemoFleet | undefined;
  private drawnLines = 0;

  constructor(screen: Screen) {
    this.screen = screen;
    this.beganMs = screen.nowMs();
  }

  intro(): void {
    this.say('');
    this.say(`  ${bold('drover')} keeps the software of ECU fleets alive. Watch one ECU die.`);
    this.say('');
  }

  progress(sentence: string): void {
    this.say(`  ${dim('·')} ${dim(sentence)}`);
  }

  began(fleet: DemoFleet): void {
    this.fleet = fleet;
    this.say(
      `  ${dim('·')} ${dim(`${fleet.tasks.length} tasks run; every state is checkpointed at both managers while they do`)}`,
    );
    this.say('');
    this.draw();
  }

  tick(): void {
    if (this.fleet !== undefined && this.screen.isTerminal) this.draw();
  }

  killed(mac: Mac, tasks: readonly TaskName[]): void {
    this.aside(
      `  ${red(bold('SIGKILL'))} to ${bold(this.nameOf(mac))}: supervisor, bridge and workers are gone at once, and with them ${listOf(tasks)}`,
    );
  }

  wentOn(failovers: readonly Failover[]): void {
    for (const { task, totalUs, detectUs, decideUs, restoreUs, outputUs } of failovers) {
      const to = this.fleet?.ownerOf(task);
      const parts = `noticed ${ms(detectUs)}, decided ${ms(decideUs)}, restored ${ms(restoreUs)}, first output ${ms(outputUs)} ms`;
      this.aside(
        `  ${green('→')} ${bold(task.padEnd(8))} goes on at ${bold(to === undefined ? '?' : this.nameOf(to))} after ${bold(`${ms(totalUs)} ms`)}  ${dim(`(${parts})`)}`,
      );
    }
    this.aside('');
  }

  proving(inputs: number): void {
    this.draw();
    this.fleet = undefined;
    this.say(
      `  ${dim('·')} ${dim(`the proof: every task is run again, alone, over the ${inputs} inputs that were recorded, and its outputs are compared`)}`,
    );
  }

  ended({ verdict, failovers }: DemoRun, dataFolder: string): void {
    this.say('');
    for (const { task, outputs, epochs, lost, duplicates, changed } of verdict.tasks) {
      const isFine = lost + duplicates + changed === 0;
      const result = isFine ? green('byte for byte') : red(`${lost} lost, ${duplicates} doubled, ${changed} changed`);
      const instances = epochs.length === 1 ? 'one instance' : `${epochs.length} instances`;
      this.say(
        `  ${isFine ? green('✓') : red('✗')} ${task.padEnd(8)} ${String(outputs).padStart(6)} outputs of ${instances.padEnd(12)}  ${result}`,
      );
    }
    for (const violation of verdict.violations.slice(0, 5)) this.say(`  ${red('✗')} ${violation}`);
    this.say('');
    if (verdict.ok && failovers.length > 0) {
      const longestUs = Math.max(...failovers.map(({ totalUs }) => totalUs));
      this.say(
        `  ${green(bold('Nothing was lost, doubled or changed.'))} The longest gap of a task was ${bold(`${ms(longestUs)} ms`)}.`,
      );
      this.say(
        `  ${dim('Next: ./drover chaos --seed 7 (kill everything, prove it again), ./drover up (a fleet of your own), ./drover task new')}`,
      );
    } else if (verdict.ok) {
      this.say(`  ${yellow('Nothing was lost, but no ECU was killed either.')}`);
    } else {
      this.say(`  ${red(bold('Something went wrong.'))} The fleet's data and logs are in ${dataFolder}`);
    }
    this.say('');
  }

  // ——— drawing ———

  private draw(): void {
    const { fleet } = this;
    if (fleet === undefined) return;
    const seconds = ((this.screen.nowMs() - this.beganMs) / 1000).toFixed(0);
    const lines = [
      `  ${dim(`${DEMO_ECUS} ECUs, ${DEMO_MANAGERS} managers, JetStream at ${fleet.url}`)}  ${dim(`${seconds} s`)}`,
      '',
    ];
    for (const { mac, name } of fleet.ecus) {
      const tasks = fleet.tasks.map((task) => task.name).filter((task) => fleet.ownerOf(task) === mac);
      const isDown = fleet.isDown(mac);
      lines.push(
        `  ${isDown ? red('✖') : green('●')} ${bold(name)}  ${isDown ? red('killed') : tasks.length === 0 ? dim('idle') : cyan(tasks.join('  '))}`,
      );
    }
    lines.push('');
    for (const { name, does } of fleet.tasks) {
      const owner = fleet.ownerOf(name);
      const place = owner === undefined || fleet.isDown(owner) ? yellow('moving') : this.nameOf(owner).padEnd(6);
      lines.push(
        `  ${bold(name.padEnd(8))} ${place} ${String(fleet.outputsOf(name)).padStart(6)} outputs  ${fleet.latestOf(name).padEnd(44)} ${dim(does)}`,
      );
    }
    lines.push('');
    this.erase();
    for (const line of lines) this.screen.write(`${cut(line, this.screen.columns)}\n`);
    this.drawnLines = this.screen.isTerminal ? lines.length : 0;
  }

  /** A line that stays, above what is redrawn. */
  private aside(line: string): void {
    this.erase();
    this.say(line);
    if (this.screen.isTerminal) this.draw();
  }

  private erase(): void {
    if (this.drawnLines > 0) this.screen.write(`\x1b[${this.drawnLines}A\x1b[J`);
    this.drawnLines = 0;
  }

  private say(line: string): void {
    this.screen.write(`${line}\n`);
  }

  private nameOf(mac: Mac): string {
    return this.fleet?.ecus.find((ecu) => ecu.mac === mac)?.name ?? mac;
  }
}

const ms = (us: number): string => (us < 10_000 ? (us / 1000).toFixed(1) : String(Math.round(us / 1000)));

const listOf = (names: readonly string[]): string =>
  names.length < 2 ? names.join() : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;

// biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences are what has no width.
const ESCAPES = /\x1b\[[0-9;]*m/g;

/** A line that would wrap would not be erased: it is cut, and so are its colours. */
function cut(line: string, columns: number): string {
  const plain = line.replace(ESCAPES, '');
  return plain.length < columns ? line : plain.slice(0, columns - 1);
}
