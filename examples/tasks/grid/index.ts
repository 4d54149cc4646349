/**
 * An occupancy grid: 2048 × 2048 cells of 10 cm, 8 MiB of state, of which one scan touches a few pages.
 *
 * A cell holds the log-odds of being occupied in steps of 1/64. A scan casts rays: cells on the way become emptier, the
 * cell at the end fuller. Cells are stored in tiles of 64 × 32, exactly one 4 KiB page each, so that what lies together in
 * the world lies together in memory: a scan of a few metres dirties a handful of pages, and a checkpoint carries only those.
 *
 * Data is a scan from a sensor. A tick drives a simulated vehicle one step along a closed path in a simulated hall and scans
 * with it, so that the task has work of its own.
 */
import { inputF64, isTick, log, outputText, WARN } from "../../sdk/drover";
export { drover_input } from "../../sdk/drover";

const SIDE: i32 = 2048;
const CELL_M: f64 = 0.1;
const TILE_WIDTH_SHIFT: i32 = 6;
const TILE_HEIGHT_SHIFT: i32 = 5;
const PAGE_BYTES: usize = 4096;
const GRID_BYTES: usize = 8388608;

const FULLER: i32 = 54;
const EMPTIER: i32 = -26;
const LIMIT: i32 = 512;
const OCCUPIED: i32 = 64;

const RANGE_CELLS_MAX: i32 = 120;
const RAYS_MAX: i32 = 360;
const TICK_RAYS: i32 = 8;

/** Keeps the memory; the grid starts at the first page boundary inside. */
let storage = new StaticArray<u8>(0);
let grid: usize = 0;
let occupied: i32 = 0;
let scans: i64 = 0;
let changed: i32 = 0;

export function drover_init(): void {
  storage = new StaticArray<u8>(<i32>(GRID_BYTES + PAGE_BYTES));
  grid = (changetype<usize>(storage) + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1);
}

export function drover_job(kind: i32, number: f64, skipped: f64, pointer: usize, byteLength: i32): void {
  changed = 0;
  if (isTick(kind)) drive(number);
  else if (!readScan(pointer, byteLength)) {
    log(WARN, "a scan is x, y, heading, step and 1 to 360 ranges, as float64");
    return;
  }
  scans++;
  outputText(0, scans.toString() + "," + occupied.toString() + "," + changed.toString());
}

/** x, y (m), heading and angle between rays (rad), then ranges (m). */
function readScan(pointer: usize, byteLength: i32): bool {
  const count = (byteLength >> 3) - 4;
  if ((byteLength & 7) != 0 || count < 1 || count > RAYS_MAX) return false;
  const x = inputF64(pointer, 0);
  const y = inputF64(pointer, 1);
  const heading = inputF64(pointer, 2);
  const step = inputF64(pointer, 3);
  if (!isFinite(x + y + heading + step)) return false;
  for (let ray = 0; ray < count; ray++) castRay(x, y, heading + step * ray, inputF64(pointer, 4 + ray));
  return true;
}

/** One step along a figure of eight through a hall whose walls and pillars are known. */
function drive(tick: f64): void {
  const phase = tick * 0.002;
  const x = 102.4 + 60 * Math.sin(phase);
  const y = 102.4 + 40 * Math.sin(2 * phase);
  const heading = tick * 0.37;
  for (let ray = 0; ray < TICK_RAYS; ray++) {
    const angle = heading + (ray * 6.283185307179586) / TICK_RAYS;
    castRay(x, y, angle, hallRange(x, y, angle));
  }
}

/** Distance to the nearest pillar (one every 8 m, 0.6 m thick) by small steps. */
function hallRange(x: f64, y: f64, angle: f64): f64 {
  const dx = Math.cos(angle);
  const dy = Math.sin(angle);
  for (let range = 0.5; range < 11.0; range += 0.2) {
    const px = x + dx * range;
    const py = y + dy * range;
    const ox = px - 8 * Math.floor(px / 8) - 4;
    const oy = py - 8 * Math.floor(py / 8) - 4;
    if (ox * ox + oy * oy < 0.36) return range;
  }
  return 100;
}

function castRay(x: f64, y: f64, angle: f64, range: f64): void {
  if (!(range > 0)) return;
  const cells = min(<i32>min(range / CELL_M, 1e6), RANGE_CELLS_MAX);
  const dx = Math.cos(angle);
  const dy = Math.sin(angle);
  const cx = x / CELL_M;
  const cy = y / CELL_M;
  for (let at = 0; at < cells; at++) update(<i32>Math.floor(cx + dx * at), <i32>Math.floor(cy + dy * at), EMPTIER);
  if (cells < RANGE_CELLS_MAX) update(<i32>Math.floor(cx + dx * cells), <i32>Math.floor(cy + dy * cells), FULLER);
}

function update(column: i32, line: i32, by: i32): void {
  if (column < 0 || line < 0 || column >= SIDE || line >= SIDE) return;
  const tile = (line >> TILE_HEIGHT_SHIFT) * (SIDE >> TILE_WIDTH_SHIFT) + (column >> TILE_WIDTH_SHIFT);
  const inTile = ((line & 31) << TILE_WIDTH_SHIFT) | (column & 63);
  const address = grid + (<usize>tile << 12) + (<usize>inTile << 1);
  const before = <i32>load<i16>(address);
  const after = min(max(before + by, -LIMIT), LIMIT);
  if (after == before) return;
  store<i16>(address, <i16>after);
  changed++;
  if (before < OCCUPIED && after >= OCCUPIED) occupied++;
  else if (before >= OCCUPIED && after < OCCUPIED) occupied--;
}
