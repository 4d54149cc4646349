/** NATS subject matching: tokens between dots, `*` for one token, a final `>` for one or more. */
const compiled = new Map<string, readonly string[]>();

export function matches(filter: string, subject: string): boolean {
  if (filter === subject) return true;
  let tokens = compiled.get(filter);
  if (tokens === undefined) {
    tokens = filter.split('.');
    compiled.set(filter, tokens);
  }
  let from = 0;
  for (let i = 0; i < tokens.length; i++) {
    const token = tokens[i] as string;
    if (token === '>') return from < subject.length;
    if (from > subject.length) return false;
    const dot = subject.indexOf('.', from);
    const end = dot === -1 ? subject.length : dot;
    if (token !== '*' && (end - from !== token.length || !subject.startsWith(token, from))) return false;
    from = end + 1;
  }
  return from > subject.length;
}
