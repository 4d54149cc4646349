// Appends records to many actors at once until it is killed; says `ack <actor> <position> <n>` for every answer.
import { writeSync } from 'node:fs';
import { openLmdbRecordStore } from '../../../dist/infra/lmdb/record-store.js';

const [path, durability] = process.argv.slice(2);
const store = openLmdbRecordStore({ path, durability, historyMax: 20 });
const text = (n) => new TextEncoder().encode(`${n} `.repeat(40));
await Promise.all(
  Array.from({ length: 20 }, async (_, index) => {
    const actor = `task/t${index}`;
    const last = await store.load(actor);
    let position = last?.position ?? 0;
    for (let n = last === undefined ? 1 : Number.parseInt(new TextDecoder().decode(last.bytes), 10) + 1; ; n++) {
      const answer = await store.append(actor, position, text(n));
      if (answer.kind !== 'appended') throw new Error(`an append was ${answer.kind}`);
      position = answer.position;
      writeSync(1, `ack ${actor} ${position} ${n}\n`);
    }
  }),
);
