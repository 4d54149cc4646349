/**
 * A PID controller together with the plant it controls: a heated mass with losses to the room and a slow heater.
 *
 *   plant       heat' = heat + (actuator · POWER − heat) · dt / HEATER_S
 *               T'    = T + (heat − (T − ROOM) / LOSS_S) · dt
 *   controller  u = Kp·e + Ki·∫e − Kd·dT/dt, limited to 0 … 1; the integral stands still while u is at a limit that the
 *               error pushes against (no wind-up), and the derivative is taken of the measurement (no kick at a new set point)
 *
 * One control step per tick. Ticks that were skipped while the task was down did not stop the plant: it goes through them
 * with the actuator as it was left.
 */
import { inputText, isTick, log, outputF64, WARN } from "../../sdk/drover";
export { drover_input } from "../../sdk/drover";

const DT_S: f64 = 0.01;
const ROOM: f64 = 20;
const POWER: f64 = 40;
const HEATER_S: f64 = 0.4;
const LOSS_S: f64 = 6;
const KP: f64 = 0.12;
const KI: f64 = 0.06;
const KD: f64 = 0.02;
const SKIPPED_STEPS_MAX: i32 = 10000;

let setPoint: f64 = 60;
let temperature: f64 = ROOM;
let heat: f64 = 0;
let actuator: f64 = 0;
let integral: f64 = 0;
let temperatureBefore: f64 = ROOM;
const row = new StaticArray<f64>(6);

function plantStep(): void {
  heat += ((actuator * POWER - heat) * DT_S) / HEATER_S;
  temperature += (heat - (temperature - ROOM) / LOSS_S) * DT_S;
}

function controlStep(): void {
  const error = setPoint - temperature;
  const slope = (temperature - temperatureBefore) / DT_S;
  temperatureBefore = temperature;
  const wanted = KP * error + integral - KD * slope;
  actuator = min(max(wanted, 0.0), 1.0);
  const pushesOn = (wanted > 1 && error > 0) || (wanted < 0 && error < 0);
  if (!pushesOn) integral += KI * error * DT_S;
}

export function drover_job(kind: i32, number: f64, skipped: f64, pointer: usize, byteLength: i32): void {
  if (!isTick(kind)) {
    const wanted = F64.parseFloat(inputText(pointer, byteLength));
    if (wanted >= 0 && wanted <= 200) setPoint = wanted;
    else log(WARN, "a set point is a number between 0 and 200");
    return;
  }
  const missed = <i32>min(skipped, <f64>SKIPPED_STEPS_MAX);
  for (let step = 0; step < missed; step++) plantStep();
  controlStep();
  plantStep();
  row[0] = number;
  row[1] = setPoint;
  row[2] = temperature;
  row[3] = heat;
  row[4] = actuator;
  row[5] = skipped;
  outputF64(0, row);
}
