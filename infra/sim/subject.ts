/** NATS subject matching: tokens between dots, `*` for one token, a final `>` for one or more. */

/**
 * Many filters as one: whether any of them matches, in a few look-ups however many there are.
 */
export class SubjectTree<T> {
  private readonly root: Node<T> = newNode();

  add(filter: string, value: T): void {
    let node = this.root;
    for (const token of filter.split('.')) {
      node.children ??= new Map();
      let next = node.children.get(token);
      if (next === undefined) {
        next = newNode();
        node.children.set(token, next);
      }
      node = next;
    }
    if (node.values?.includes(value) !== true) node.values = [...(node.values ?? []), value];
  }

  remove(filter: string, value: T): void {
    remove(this.root, filter.split('.'), 0, value);
  }

  /** Of all filters that match, in no particular order. */
  of(subject: string): T[] {
    const found: T[] = [];
    collect(this.root, subject.split('.'), 0, found);
    return found;
  }

  matches(subject: string): boolean {
    return this.of(subject).length > 0;
  }
}

/** Most have one child or one value and no more, and there are many. */
interface Node<T> {
  children: Map<string, Node<T>> | undefined;
  values: readonly T[] | undefined;
}

const newNode = <T>(): Node<T> => ({ children: undefined, values: undefined });

function collect<T>({ children, values }: Node<T>, tokens: readonly string[], at: number, found: T[]): void {
  if (at === tokens.length) {
    if (values !== undefined) found.push(...values);
    return;
  }
  if (children === undefined) return;
  const rest = children.get('>')?.values;
  if (rest !== undefined) found.push(...rest);
  const any = children.get('*');
  if (any !== undefined) collect(any, tokens, at + 1, found);
  const same = children.get(tokens[at] as string);
  if (same !== undefined) collect(same, tokens, at + 1, found);
}

/** Returns whether the node has nothing left. */
function remove<T>(node: Node<T>, tokens: readonly string[], at: number, value: T): boolean {
  if (at === tokens.length) {
    const left = node.values?.filter((one) => one !== value) ?? [];
    node.values = left.length === 0 ? undefined : left;
  } else {
    const token = tokens[at] as string;
    const child = node.children?.get(token);
    if (child !== undefined && remove(child, tokens, at + 1, value)) node.children?.delete(token);
  }
  return node.values === undefined && (node.children === undefined || node.children.size === 0);
}

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
