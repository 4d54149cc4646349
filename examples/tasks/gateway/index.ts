/**
 * A message gateway: routes messages to output channels by the longest matching prefix of their id, and counts.
 *
 *   `<id>:<payload>`             a message; put out as it came on the channel of its route, on channel 0 when it has none
 *   `!route <prefix> <channel>`  adds or changes a route (channels 2 … 255)
 *   `!unroute <prefix>`          removes one
 *
 * A tick puts the counters out on channel 1, routes in the order they were added.
 */
import { inputText, isTick, log, outputBytes, outputText, WARN } from "../../sdk/drover";
export { drover_input } from "../../sdk/drover";

class Route {
  messages: i64 = 0;
  bytes: i64 = 0;
  constructor(public channel: i32) {}
}

const routes = new Map<string, Route>();
const unrouted = new Route(0);
let malformed: i64 = 0;

export function drover_init(): void {
  routes.set("can0", new Route(2));
  routes.set("can1", new Route(3));
  routes.set("can1.7", new Route(4));
  routes.set("eth", new Route(5));
}

export function drover_job(kind: i32, number: f64, skipped: f64, pointer: usize, byteLength: i32): void {
  if (isTick(kind)) report();
  else if (byteLength > 0 && load<u8>(pointer) == 33 /* ! */) configure(inputText(pointer + 1, byteLength - 1));
  else forward(pointer, byteLength);
}

function forward(pointer: usize, byteLength: i32): void {
  let idLength = 0;
  while (idLength < byteLength && load<u8>(pointer + idLength) != 58 /* : */) idLength++;
  if (idLength == 0 || idLength == byteLength || idLength > 64) {
    malformed++;
    return;
  }
  const id = inputText(pointer, idLength);
  let route = unrouted;
  for (let length = id.length; length > 0; length--) {
    const prefix = id.substring(0, length);
    if (!routes.has(prefix)) continue;
    route = routes.get(prefix);
    break;
  }
  route.messages++;
  route.bytes += byteLength;
  outputBytes(route.channel, pointer, byteLength);
}

function configure(command: string): void {
  const words = command.split(" ");
  if (words.length == 3 && words[0] == "route" && words[1].length > 0) {
    const channel = <i32>I32.parseInt(words[2]);
    if (channel >= 2 && channel <= 255) {
      if (routes.has(words[1])) routes.get(words[1]).channel = channel;
      else routes.set(words[1], new Route(channel));
      return;
    }
  } else if (words.length == 2 && words[0] == "unroute") {
    if (routes.delete(words[1])) return;
  }
  malformed++;
  log(WARN, "not understood: " + command);
}

function report(): void {
  let text = "unrouted=" + unrouted.messages.toString() + "/" + unrouted.bytes.toString() + " malformed=" + malformed.toString();
  const prefixes = routes.keys();
  for (let at = 0; at < prefixes.length; at++) {
    const route = routes.get(prefixes[at]);
    text += " " + prefixes[at] + ">" + route.channel.toString() + "=" + route.messages.toString() + "/" + route.bytes.toString();
  }
  outputText(1, text);
}
