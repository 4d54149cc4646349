// Appends and puts until the disk is full, says what it was told, then frees something and goes on. Argument: path.
// The parent limits the size of the files this process may write (ulimit -f); SIGXFSZ is ignored, as on a full disk.
import { openLmdbRecordStore } from '../../../dist/infra/lmdb/record-store.js';

process.on('SIGXFSZ', () => {});
const [path] = process.argv.slice(2);
const store = openLmdbRecordStore({ path });
let position = 0;
let acknowledged = 0;
const record = new Uint8Array(32 * 1024).fill(7);
let code = 'none';
for (let n = 0; n < 1000; n++) {
  try {
    const answer = await store.append('task/a', position, record);
    position = answer.position;
    acknowledged += 1;
  } catch (error) {
    code = `${error.name} ${error.code}`;
    break;
  }
}
const last = await store.load('task/a');
let kept = 0;
for await (const _ of store.history('task/a')) kept += 1;
const again = await store.append('task/a', position, record).then(
  (answer) => answer.kind,
  (error) => error.code,
);
console.log(JSON.stringify({ code, acknowledged, kept, lastPosition: last?.position, position, again }));
await store.close();
