"""The final admission (docs/PROTOCOL.md, step 4): may this task join what was accepted here?

Partitioned pre-emptive fixed priority: tasks are packed first-fit in order of decreasing utilisation, and one fits a core
when by exact response-time analysis every hard deadline there still holds; on a core with soft tasks the utilisation also
stays within 1.
"""
from wire import RUNTIMES, Refused


def check(spec, accepted, ecu):
    """`accepted`: specs of everything else. Raises Refused."""
    if spec.get("runtime") not in ecu["runtimes"]:
        raise Refused("ERR_RUNTIME_UNKNOWN", f"this bridge has no runtime {RUNTIMES.get(spec.get('runtime'), 'of that kind')}")
    missing = [name for name in spec.get("capabilities", []) if name not in ecu["capabilities"]]
    if missing:
        raise Refused("ERR_ADMIT_CAPABILITY", f"this ECU lacks {', '.join(missing)}")
    free = ecu["memory_bytes"] - sum(memory(other) for other in accepted)
    if memory(spec) > free:
        raise Refused("ERR_ADMIT_MEMORY", f"{spec['name']} needs {memory(spec)} bytes; {free} are free")
    tasks = [*accepted, spec]
    if any(is_hard(task) and not (task.get("period_us") and task.get("wcet_us")) for task in tasks):
        raise Refused("ERR_ADMIT_SCHEDULE", "a hard deadline without period or execution time cannot be tested")
    cores = [[] for _ in range(ecu["cores"])]
    for task in sorted(tasks, key=lambda one: (-utilisation(one), one["name"])):
        core = next((core for core in cores if fits([*core, task])), None)
        if core is None:
            raise Refused("ERR_ADMIT_SCHEDULE", f"with {spec['name']}, {task['name']} finds no core on which all deadlines hold")
        core.append(task)


def memory(spec):
    return max(spec.get("memory_bytes_max", 0), spec.get("reservation", {}).get("memory_bytes", 0))


def is_hard(spec):
    return spec.get("hard_deadline", False)


def utilisation(spec):
    period = spec.get("period_us", 0)
    own = spec.get("wcet_us", 0) / period if period else 0
    return max(own, spec.get("reservation", {}).get("cpu_ppm", 0) / 1e6)


def fits(core):
    if not all(is_hard(task) for task in core) and sum(map(utilisation, core)) > 1:
        return False
    periodic = [task for task in core if task.get("period_us")]
    return all(response_us(task, periodic) is not None for task in periodic if is_hard(task))


def response_us(task, core):
    """The longest response, by the smallest fixed point of R = C + Σ ⌈R/T⌉·C over what is no less urgent; None: too late.

    Deadlines beyond the period are held to the period: sound, and what this small bridge needs.
    """
    limit = min(task.get("deadline_us", 0), task["period_us"])
    urgent = [other for other in core if other is not task and other.get("priority", 0) >= task.get("priority", 0)]
    response = task["wcet_us"]
    while response <= limit:
        demand = task["wcet_us"] + sum(-(-response // other["period_us"]) * other.get("wcet_us", 0) for other in urgent)
        if demand == response:
            return response
        response = demand
    return None
