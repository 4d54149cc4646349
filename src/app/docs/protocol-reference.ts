/**
 * The tables of `docs/PROTOCOL.md`, made from the compiled schema with its comments, so that the page cannot say anything
 * else than the schema. `replaceBlock` puts them between the page's two marks; a test compares.
 */
import {
  createFileRegistry,
  type DescEnum,
  type DescField,
  type DescFile,
  type DescMessage,
  fromBinary,
  ScalarType,
} from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { assert } from '../../domain/kernel/assert.ts';

const PACKAGE = 'drover.v1.';
/** In the order a reader needs them. */
const FILES = [
  'envelope',
  'ecu',
  'command',
  'task',
  'checkpoint',
  'state',
  'manager',
  'record',
  'evidence',
  'metrics',
  'proposal',
  'learn',
];

/** `descriptors`: a FileDescriptorSet with source information, as `buf build` writes it. */
export function protocolReference(descriptors: Uint8Array): string {
  const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, descriptors));
  const sections = FILES.map((name) => {
    const file = registry.getFile(`drover/v1/${name}.proto`);
    assert(file !== undefined, `the schema has ${name}.proto`);
    return fileSection(name, file);
  });
  const known = [...registry.files].filter((file) => file.name.startsWith('drover/'));
  assert(known.length === FILES.length, 'every file of the schema has its place in the reference');
  return sections.join('\n');
}

/** The text between `<!-- <name> -->` and `<!-- end of <name> -->` becomes `block`. */
export function replaceBlock(page: string, name: string, block: string): string {
  const [open, close] = [`<!-- ${name} -->\n`, `<!-- end of ${name} -->`];
  const [start, end] = [page.indexOf(open), page.indexOf(close)];
  assert(start >= 0 && end > start, `the page has the marks of ${name}`);
  return `${page.slice(0, start + open.length)}\n${block}\n${page.slice(end)}`;
}

function fileSection(name: string, file: DescFile): string {
  const comments = commentsOf(file);
  const parts = [`### ${name}.proto\n`];
  file.messages.forEach((message, index) => {
    parts.push(messageSection(message, comments, [4, index]));
  });
  file.enums.forEach((words, index) => {
    parts.push(enumSection(words, comments, [5, index]));
  });
  return parts.join('\n');
}

function messageSection(message: DescMessage, comments: Comments, path: readonly number[]): string {
  const heading = `#### ${message.name}\n\n${comments.at(path, 'prose')}\n`;
  if (message.fields.length === 0) return `${heading}\nNo fields.\n`;
  const rows = message.fields.map((field, index) => {
    const meaning = comments.at([...path, 2, index], 'cell');
    return `| ${field.number} | \`${field.name}\` | ${typeText(field)} | ${meaning} |`;
  });
  const oneofs = message.oneofs.map((oneof, index) => {
    const names = oneof.fields.map((field) => `\`${field.name}\``).join(', ');
    return `\nOne of ${names}: ${comments.at([...path, 8, index], 'cell')}\n`;
  });
  return `${heading}\n| # | field | type | meaning |\n|---|---|---|---|\n${rows.join('\n')}\n${oneofs.join('')}`;
}

function enumSection(words: DescEnum, comments: Comments, path: readonly number[]): string {
  const rows = words.values.map(
    (value, index) => `| ${value.number} | \`${value.name}\` | ${comments.at([...path, 2, index], 'cell')} |`,
  );
  return `#### ${words.name}\n\n${comments.at(path, 'prose')}\n\n| # | word | meaning |\n|---|---|---|\n${rows.join('\n')}\n`;
}

function typeText(field: DescField): string {
  switch (field.fieldKind) {
    case 'scalar':
      return `${field.proto.proto3Optional ? 'optional ' : ''}${scalarText(field.scalar)}`;
    case 'message':
      return link(field.message);
    case 'enum':
      return link(field.enum);
    case 'list':
      return `repeated ${field.listKind === 'scalar' ? scalarText(field.scalar) : link(field.listKind === 'enum' ? field.enum : field.message)}`;
    case 'map':
      return `map of ${scalarText(field.mapKey)} to ${field.mapKind === 'scalar' ? scalarText(field.scalar) : link(field.mapKind === 'enum' ? field.enum : field.message)}`;
  }
}

const scalarText = (scalar: ScalarType): string => (ScalarType[scalar] ?? 'unknown').toLowerCase();
const link = (type: DescMessage | DescEnum): string => {
  const name = type.typeName.slice(PACKAGE.length);
  return `[${name}](#${name.toLowerCase()})`;
};

interface Comments {
  at(path: readonly number[], form: 'prose' | 'cell'): string;
}

/** Leading comments by their path in the descriptor (message 4, enum 5, field or value 2, oneof 8). */
function commentsOf(file: DescFile): Comments {
  const byPath = new Map<string, string>();
  for (const location of file.proto.sourceCodeInfo?.location ?? [])
    byPath.set(location.path.join('.'), location.leadingComments);
  return {
    at: (path, form) => {
      const text = byPath.get(path.join('.'));
      assert(text !== undefined && text !== '', `${file.name} has a comment at ${path.join('.')}`);
      const lines = text.split('\n').map((line) => line.trim());
      return form === 'prose' ? lines.join('\n').trim() : lines.join(' ').trim().replaceAll('|', '\\|');
    },
  };
}
