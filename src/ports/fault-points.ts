/**
 * Places where a process may die. The shell and the instance loop name them as they pass; in production nobody listens, in
 * the simulation and in the kill tests a plan ends the process right there. Numbers are for ever: a plan on record names
 * them.
 */
export interface FaultPoints {
  /** Never answers where the process is made to die or stop. */
  reach(point: FaultPoint): void | Promise<void>;
}

export const FaultPoint = {
  // the shell's seven steps (DESIGN 3)
  afterReceive: 1,
  afterLoad: 2,
  afterTransition: 3,
  beforeAppend: 4,
  /** The record is written; the shell has not yet looked at the answer. */
  afterAppend: 5,
  beforeAck: 6,
  afterAck: 7,
  beforeEffect: 8,
  /** The effect is done; that it is done is not yet recorded. */
  afterEffect: 9,
  beforeTimer: 10,
  afterTimer: 11,
  beforeTakeover: 12,
  // the instance loop (DESIGN 5)
  beforeMarker: 20,
  afterMarker: 21,
  beforeJob: 22,
  afterJob: 23,
  beforeOutput: 24,
  afterOutput: 25,
  beforeCapture: 26,
  beforeAnnounce: 27,
  afterAnnounce: 28,
  beforeFree: 29,
  // a manager's store
  beforePull: 40,
  beforeStore: 41,
  /** The checkpoint is in the manager's store; nobody was told. */
  afterStore: 42,
  // inside a store's transactions
  /** The pages are written, their manifest is not. */
  storePages: 43,
  /** All is written; the commit has not begun. */
  storeManifest: 44,
  /** The commit is done; whoever asked for it was not told. */
  storeCommitted: 45,
  /** Folded manifests are written, what they replace is still there. */
  storeFolded: 46,
  /** Old checkpoints are gone, the commit has not begun. */
  storeDropped: 47,
  /** Damage is set aside, the commit has not begun. */
  storeAside: 48,
  // a route's router (actors/router.ts)
  beforeRouteRead: 60,
  beforeRoute: 61,
  /** The outputs are the task's data; the router has not yet looked at the answer. */
  afterRoute: 62,
} as const;

export type FaultPoint = (typeof FaultPoint)[keyof typeof FaultPoint];
export type FaultPointName = keyof typeof FaultPoint;

export const FAULT_POINT_NAMES = Object.keys(FaultPoint) as readonly FaultPointName[];

const NAME_OF = new Map<FaultPoint, FaultPointName>(FAULT_POINT_NAMES.map((name) => [FaultPoint[name], name]));

export const faultPointName = (point: FaultPoint): FaultPointName => NAME_OF.get(point) as FaultPointName;

/** What production uses. */
export const NO_FAULT_POINTS: FaultPoints = { reach: () => undefined };
