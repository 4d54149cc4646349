/**
 * Which deadlines a simulated fleet met, in simulated time. A tick is released when it is due and must be done, in whatever
 * instance gets there first, within the task's deadline. A tick that nobody appended because the task was down is a deadline
 * missed too; so is one that was made up for too late. Jobs of tasks that share a core wait for one another as the ECU's scheduling has
 * it (`infra/sim/core.ts`).
 */
import type { SimRuntimeOptions } from '../../../infra/sim/runtime.ts';
import type { SimWorld } from '../../../infra/sim/world.ts';
import type { TaskName } from '../../domain/model/ids.ts';
import type { TaskSpec } from '../../domain/model/task.ts';
import { header } from '../../domain/protocol/subjects.ts';

export interface DeadlineCount {
  /** Ticks that were due. */
  readonly due: number;
  /** Done, and too late. */
  readonly late: number;
  /** Never released: the task was down. */
  readonly skipped: number;
}

interface Counted {
  due: number;
  late: number;
  skipped: number;
  /** The newest tick that was done. */
  doneNumber: number;
  /** When the newest tick was due. */
  dueUs: number | undefined;
  readonly released: Map<number, number>;
}

const BRIDGE = 'bridge.';

export class DeadlineWatch {
  private readonly tasks = new Map<TaskName, Counted>();
  private world: SimWorld | undefined;
  private specOf: (task: TaskName) => TaskSpec | undefined = () => undefined;

  /** What the world's runtimes are to tell: given before the world is made. */
  readonly onJob: NonNullable<SimRuntimeOptions['onJob']> = ({ host, spec, input }) => {
    if (input.kind === 'tick' && host.startsWith(BRIDGE)) this.done(spec, input.number);
  };

  watch(world: SimWorld, specOf: (task: TaskName) => TaskSpec | undefined): void {
    this.world = world;
    this.specOf = specOf;
    world.broker.onCommit(({ subject, headers }) => {
      const [root, , task, direction, kind] = subject.split('.');
      if (root === 'task' && direction === 'in' && kind === 'tick' && task !== undefined)
        this.released(task, Number(headers[header.number] ?? 0), Number(headers[header.skipped] ?? 0));
    });
  }

  /** From now on; what is under way still counts when it is done. */
  reset(): void {
    for (const counted of this.tasks.values()) Object.assign(counted, { due: 0, late: 0, skipped: 0 });
  }

  of(task: TaskName): DeadlineCount {
    const { due = 0, late = 0, skipped = 0 } = this.tasks.get(task) ?? {};
    return { due, late, skipped };
  }

  all(): DeadlineCount {
    let [due, late, skipped] = [0, 0, 0];
    for (const counted of this.tasks.values()) {
      due += counted.due;
      late += counted.late;
      skipped += counted.skipped;
    }
    return { due, late, skipped };
  }

  private released(task: TaskName, number: number, skipped: number): void {
    const counted = this.counted(task);
    const spec = this.specOf(task);
    const nowUs = this.nowUs();
    counted.due += 1 + skipped;
    counted.skipped += skipped;
    // Ticks that are made up for were due one period after the other, whenever they come.
    const madeUp = spec?.inputs.catchUpTicks === true && counted.dueUs !== undefined;
    counted.dueUs = madeUp ? Math.min(nowUs, (counted.dueUs as number) + spec.periodUs * (1 + skipped)) : nowUs;
    counted.released.set(number, counted.dueUs);
  }

  private done({ name, deadlineUs }: TaskSpec, number: number): void {
    const counted = this.counted(name);
    const dueUs = counted.released.get(number);
    // A restored instance does again what was done before.
    if (number <= counted.doneNumber || dueUs === undefined) return;
    counted.doneNumber = number;
    counted.released.delete(number);
    if (deadlineUs > 0 && this.nowUs() - dueUs > deadlineUs) counted.late++;
  }

  private nowUs(): number {
    return this.world?.scheduler.nowUs() ?? 0;
  }

  private counted(task: TaskName): Counted {
    let counted = this.tasks.get(task);
    if (counted === undefined) {
      counted = { due: 0, late: 0, skipped: 0, doneNumber: 0, dueUs: undefined, released: new Map() };
      this.tasks.set(task, counted);
    }
    return counted;
  }
}
