/** The bucket `learned` with what reads its files. */
import { decodeModel } from '../../../infra/learned/model-file.ts';
import { createBusModelBoard, type ModelBoardParts } from '../../../infra/nats/model-board.ts';
import type { ModelBoard } from '../../ports/model-board.ts';

export const openModelBoard = ({ bus, clock }: Omit<ModelBoardParts, 'decode'>): ModelBoard =>
  createBusModelBoard({ bus, clock, decode: decodeModel });
