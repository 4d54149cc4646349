/** What managers tell each other of what they foresee (`manager.proto`, QueryForesightCall and EcuForesight). */
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { EcuForesight, ForesightQuery } from '../proposal/foresight.ts';
import type { Quantiles } from '../proposal/threat.ts';
import { resourceKinds } from './codec-task.ts';
import { finite, listWithin, macText, refuse, safeInteger, taskText, wide } from './field-check.ts';
import type {
  EcuForesightSchema,
  ForesightAnswer,
  QueryForesightCall as WireQuery,
  EcuForesight as WireSight,
} from './generated/drover/v1/manager_pb.ts';
import type { ResourceKind as WireResourceKind } from './generated/drover/v1/task_pb.ts';
import { ECUS_PER_QUERY_MAX } from './limits.ts';

export const writeForesightQuery = ({ macs, task = '', ahead }: ForesightQuery) => ({
  ...{ macs: [...macs], task, ahead: [...(ahead ?? [])] },
});

export const readForesightQuery = ({ macs, task, ahead }: WireQuery): ForesightQuery => ({
  macs: listWithin(macs, 'query_foresight.macs', ECUS_PER_QUERY_MAX).map((mac) => macText(mac, 'query_foresight.macs')),
  task: task === '' ? undefined : taskText(task, 'query_foresight.task'),
  ahead: threeOrNone(ahead, 'query_foresight.ahead'),
});

export const writeForesight = (sight: EcuForesight): MessageInitShape<typeof EcuForesightSchema> => ({
  ...{ mac: sight.mac, incarnation: wide(sight.incarnation), ready: sight.ready, threatened: sight.threatened },
  ...{ failure: sight.failure, overload: sight.overload, failsInS: sight.failsInS },
  ...{ load: [...sight.loadQuantiles], loadByTasks: [...(sight.loadByTasks ?? [])] },
  ...{ resourceKind: resourceKinds.toWire[sight.resourceKind] as WireResourceKind },
  ...{
    loadWith: [...(sight.after?.load ?? [])],
    overloadWith: sight.after?.overload ?? 0,
    disturbs: sight.after?.disturbs ?? 0,
  },
  ...(sight.misses === undefined ? {} : { misses: wide(sight.misses) }),
});

export const readForesights = ({ ecus }: ForesightAnswer): EcuForesight[] =>
  listWithin(ecus, 'foresight.ecus', ECUS_PER_QUERY_MAX).map(readForesight);

function readForesight(wire: WireSight): EcuForesight {
  const loadWith = threeOrNone(wire.loadWith, 'foresight.load_with');
  return {
    mac: macText(wire.mac, 'foresight.mac'),
    incarnation: safeInteger(wire.incarnation, 'foresight.incarnation'),
    ready: wire.ready,
    threatened: wire.threatened,
    failure: chance(wire.failure, 'foresight.failure'),
    overload: chance(wire.overload, 'foresight.overload'),
    failsInS: finite(wire.failsInS, 'foresight.fails_in_s'),
    loadQuantiles: threeOrNone(wire.load, 'foresight.load') ?? refuse('foresight.load must have three values'),
    loadByTasks: threeOrNone(wire.loadByTasks, 'foresight.load_by_tasks'),
    resourceKind: resourceKinds.word(wire.resourceKind, 'foresight.resource_kind'),
    after:
      loadWith === undefined
        ? undefined
        : {
            load: loadWith,
            overload: chance(wire.overloadWith, 'foresight.overload_with'),
            disturbs: finite(wire.disturbs, 'foresight.disturbs'),
          },
    misses: wire.misses === undefined ? undefined : safeInteger(wire.misses, 'foresight.misses'),
  };
}

function chance(value: number, field: string): number {
  if (value >= 0 && value <= 1) return value;
  return refuse(`${field} must be from 0 to 1`);
}

function threeOrNone(values: readonly number[], field: string): Quantiles | undefined {
  if (values.length === 0) return undefined;
  const [low, median, high] = values.map((value) => finite(value, field));
  if (low === undefined || median === undefined || high === undefined || values.length !== 3)
    return refuse(`${field} must have three values, or none`);
  return [low, median, high];
}
