/**
 * The local path over Unix domain sockets: one socket per subject, all in one folder that only their owner may enter.
 *
 *   frame    0…3 length of the payload (u32, little-endian)   4…7 number of the request, its top bit set: the handler failed
 *            8…  payload
 *
 * Requests of one process to one subject share a connection and may be answered in any order. A subject that nobody serves is
 * looked for again after ABSENT_MS; a connection on which an answer is overdue is closed, because whoever serves there may
 * hang while its successor already listens.
 */
import { chmodSync, closeSync, lstatSync, mkdirSync, openSync, rmSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { dirname, join } from 'node:path';
import type { Cancel } from '../../src/ports/clock.ts';
import type { Counters } from '../../src/ports/counters.ts';
import type { LocalPath } from '../../src/ports/local-path.ts';
import type { Log } from '../../src/ports/log.ts';
import { FAILED, FrameReader, frameHead } from './local-frames.ts';

export interface LocalPathParts {
  /** Created when it is not there; not used when it is somebody else's, or open to others. */
  readonly folder: string;
  readonly log: Log;
  readonly counters: Counters;
}

/** What a socket's address holds, less its closing zero. */
const ADDRESS_BYTES_MAX = 107;
const ABSENT_MS = 500;

export class SocketLocalPath implements LocalPath {
  private readonly parts: LocalPathParts;
  private readonly peers = new Map<string, Peer>();
  private readonly servers = new Set<Server>();
  private readonly accepted = new Set<Socket>();
  private readonly usable: boolean;
  private folderHandle: number | undefined;
  private closed = false;

  constructor(parts: LocalPathParts) {
    this.parts = parts;
    this.usable = this.secureFolder();
  }

  async request(subject: string, payload: Uint8Array, { timeoutUs }: { readonly timeoutUs: number }) {
    if (!this.usable || this.closed) return undefined;
    let peer = this.peers.get(subject);
    if (peer === undefined) {
      peer = new Peer(this.addressOf(subject));
      this.peers.set(subject, peer);
    }
    return peer.ask(payload, timeoutUs / 1000);
  }

  async serve(subject: string, handler: (payload: Uint8Array) => Promise<Uint8Array>): Promise<Cancel> {
    if (!this.usable || this.closed) return () => {};
    const { log, counters } = this.parts;
    const server = createServer((socket) => this.accept(socket, handler));
    const address = this.addressOf(subject);
    try {
      // What an earlier start of this host left behind.
      rmSync(address, { force: true });
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen(address, resolve);
      });
      chmodSync(address, 0o600);
    } catch (cause) {
      server.close();
      counters.add('localPath.notServed');
      log.warn('the local path cannot be served; whoever is on this machine asks over the bus', { subject, cause });
      return () => {};
    }
    server.on('error', (cause) => log.warn('the local path failed', { subject, cause }));
    this.servers.add(server);
    return () => {
      this.servers.delete(server);
      server.close();
    };
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    for (const peer of this.peers.values()) peer.close();
    for (const server of this.servers) server.close();
    for (const socket of this.accepted) socket.destroy();
    if (this.folderHandle !== undefined) closeSync(this.folderHandle);
  }

  private accept(socket: Socket, handler: (payload: Uint8Array) => Promise<Uint8Array>): void {
    this.accepted.add(socket);
    const answer = async (number: number, payload: Uint8Array): Promise<void> => {
      const [bytes, mark] = await handler(payload).then(
        (bytes) => [bytes, 0] as const,
        // Over the bus it fails again, and there the failure has its words.
        () => [new Uint8Array(0), FAILED] as const,
      );
      send(socket, number + mark, bytes);
    };
    const reader = new FrameReader((number, payload) => void answer(number, payload));
    socket.on('data', (chunk) => {
      if (!reader.push(chunk)) socket.destroy();
    });
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.accepted.delete(socket));
  }

  private secureFolder(): boolean {
    const { folder, log, counters } = this.parts;
    const unusable = (why: string, cause?: unknown): false => {
      counters.add('localPath.unusable');
      log.warn('the local path is not used; everything goes over the bus', { folder, why, cause });
      return false;
    };
    const user = process.getuid?.();
    if (user === undefined) return unusable('this system has no Unix users');
    try {
      mkdirSync(dirname(folder), { recursive: true });
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      const found = lstatSync(folder);
      if (!found.isDirectory() || found.uid !== user) return unusable('the folder is not this user’s');
      if ((found.mode & 0o077) !== 0) return unusable('others may enter the folder');
      return true;
    } catch (cause) {
      return unusable('the folder cannot be made', cause);
    }
  }

  /** An address is short; a folder's path may be long. Then the folder is named by a handle on it (Linux). */
  private addressOf(subject: string): string {
    const { folder } = this.parts;
    const path = join(folder, subject);
    if (Buffer.byteLength(path) <= ADDRESS_BYTES_MAX) return path;
    this.folderHandle ??= openSync(folder, 'r');
    return `/proc/self/fd/${this.folderHandle}/${subject}`;
  }
}

/** One connection, opened when it is needed. */
class Peer {
  private readonly address: string;
  private socket: Socket | undefined;
  /** Whether somebody is at the other end of `socket`. */
  private opened: Promise<boolean> = Promise.resolve(false);
  private absentUntilMs = 0;
  private number = 0;
  private readonly waiting = new Map<number, (answer: Uint8Array | undefined) => void>();

  constructor(address: string) {
    this.address = address;
  }

  async ask(payload: Uint8Array, timeoutMs: number): Promise<Uint8Array | undefined> {
    const untilMs = performance.now() + timeoutMs;
    if (this.socket === undefined && performance.now() >= this.absentUntilMs) this.connect();
    const { socket } = this;
    if (socket === undefined || !(await this.opened) || this.socket !== socket) return undefined;
    const number = this.number;
    this.number = (number + 1) % FAILED;
    return new Promise((resolve) => {
      const overdue = setTimeout(() => this.lose(socket), Math.max(1, untilMs - performance.now()));
      this.waiting.set(number, (answer) => {
        clearTimeout(overdue);
        resolve(answer);
      });
      send(socket, number, payload);
    });
  }

  close(): void {
    this.absentUntilMs = Number.POSITIVE_INFINITY;
    if (this.socket !== undefined) this.lose(this.socket);
  }

  private connect(): void {
    const socket = connect(this.address);
    const reader = new FrameReader((number, payload) => this.answered(number, payload));
    this.socket = socket;
    this.opened = new Promise((resolve) => {
      socket.on('connect', () => resolve(true));
      socket.on('close', () => {
        resolve(false);
        this.lose(socket);
      });
    });
    // Nobody there, or no longer; `close` follows.
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      if (!reader.push(chunk)) this.lose(socket);
    });
  }

  private answered(number: number, payload: Uint8Array): void {
    const failed = number >= FAILED;
    const settle = this.waiting.get(failed ? number - FAILED : number);
    this.waiting.delete(failed ? number - FAILED : number);
    settle?.(failed ? undefined : payload);
  }

  /** Whoever waits asks over the bus. */
  private lose(socket: Socket): void {
    socket.destroy();
    if (this.socket !== socket) return;
    this.socket = undefined;
    this.absentUntilMs = Math.max(this.absentUntilMs, performance.now() + ABSENT_MS);
    for (const settle of [...this.waiting.values()]) settle(undefined);
    this.waiting.clear();
  }
}

/** What one turn sends goes out together: a system call costs more than a copy. */
function send(socket: Socket, number: number, payload: Uint8Array): void {
  if (socket.destroyed) return;
  if (socket.writableCorked === 0) {
    socket.cork();
    setImmediate(() => socket.uncork());
  }
  socket.write(frameHead(number, payload.length));
  socket.write(payload);
}
