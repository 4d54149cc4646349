/** Progress on standard error: one line that is written over on a terminal; now and then a line elsewhere. */
const LINES_ELSEWHERE = 10;

/** `tell(done)` says how far it is, and closes the line at the end. */
export function progressLine(total: number, what: string): (done: number, more?: string) => void {
  const terminal = process.stderr.isTTY === true;
  const every = terminal ? 0 : total / LINES_ELSEWHERE;
  let toldAt = 0;
  return (done, more = '') => {
    if (done < total && done < toldAt + every) return;
    toldAt = done;
    const line = `${done} of ${total} ${what}${more === '' ? '' : `, ${more}`}`;
    process.stderr.write(terminal ? `\r\u001b[K${line}${done >= total ? '\n' : ''}` : `${line}\n`);
  };
}
