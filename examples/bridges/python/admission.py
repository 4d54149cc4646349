"""The final admission (docs/PROTOCOL.md, step 4): may this task join what was accepted here?

One core, fixed priorities, and a job that has begun is not interrupted (`core.py`): every hard deadline still holds when by
response-time analysis it does, with the longest job of the less urgent tasks before it; with soft tasks the utilisation also stays within 1.
"""
from wire import RUNTIMES, Refused

BUSY_PERIODS = 1000


def check(spec, accepted, ecu, bookings=()):
    """`accepted`: specs of everything else; `bookings`: what is reserved on this ECU, now or later. Raises Refused."""
    check_room(spec, accepted, ecu)
    beside = [one for one in bookings if counts(one, spec, accepted)]
    for moment in sorted({one.get("from_us", 0) for one in beside}):  # when something begins: at no other time is more reserved
        kept = [one for one in beside if one.get("from_us", 0) <= moment < one.get("until_us", 0)]
        try:
            check_room(spec, [*accepted, *map(as_task, kept)], ecu)
        except Refused as refused:
            names = ", ".join(one.get("id", "") for one in kept)
            raise Refused("ERR_ADMIT_RESERVED", f"{names} is reserved there: {refused.sentence}") from refused


def counts(booking, spec, accepted):
    """Not beside the task that it is for, and not against one of higher criticality."""
    names = [spec["name"], *(other["name"] for other in accepted)]
    return booking.get("task") not in names and booking.get("criticality", 0) >= spec.get("criticality", 0)


def as_task(booking):
    parameters = {name: booking.get(name, 0) for name in ("period_us", "wcet_us", "deadline_us", "priority")}
    share = {"cpu_ppm": booking.get("cpu_ppm", 0), "memory_bytes": booking.get("memory_bytes", 0)}
    return {"name": f"reserved.{booking.get('id')}", **parameters, "hard_deadline": booking.get("hard_deadline", False), "reservation": share}


def check_room(spec, accepted, ecu):
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
    if not fits(tasks):
        raise Refused("ERR_ADMIT_SCHEDULE", f"with {spec['name']} not all deadlines hold")


def memory(spec):
    return max(spec.get("memory_bytes_max", 0), spec.get("reservation", {}).get("memory_bytes", 0))


def is_hard(spec):
    return spec.get("hard_deadline", False)


def utilisation(spec):
    period = spec.get("period_us", 0)
    own = spec.get("wcet_us", 0) / period if period else 0
    return max(own, spec.get("reservation", {}).get("cpu_ppm", 0) / 1e6)


def fits(tasks):
    if not any(map(is_hard, tasks)):
        return sum(map(utilisation, tasks)) <= 1
    if sum(map(utilisation, tasks)) > 1 or not all(task.get("wcet_us") for task in tasks):
        return False  # a job of unknown length would not be interrupted
    return all(response_us(task, tasks) is not None for task in tasks if is_hard(task))


def response_us(task, tasks):
    """The longest response: of every job q of the longest busy period, which begins with the longest job of the less urgent tasks.

    s = B + q·C + Σ (⌊s/T⌋ + 1)·C over what is no less urgent, R = s + C - q·T (Davis, Burns, Bril, Lukkien 2007). None: too late.
    """
    wcet, period, deadline = task["wcet_us"], task["period_us"], min(task.get("deadline_us", 0), task["period_us"])
    others = [other for other in tasks if other is not task]
    urgent = [other for other in others if other.get("period_us") and other.get("priority", 0) >= task.get("priority", 0)]
    held = max([0] + [other["wcet_us"] for other in others if other not in urgent])
    busy, ends = held + wcet, 0
    while busy != ends and busy <= BUSY_PERIODS * period:
        ends, busy = busy, held + sum(-(-busy // one["period_us"]) * one["wcet_us"] for one in [task, *urgent])
    if busy != ends:
        return None  # it may end later; that is not known, so nothing is promised
    start, worst = held, 0
    for q in range(-(-busy // period)):
        while True:
            demand = held + q * wcet + sum((start // other["period_us"] + 1) * other["wcet_us"] for other in urgent)
            if demand > deadline - wcet + q * period:
                return None
            if demand == start:
                break
            start = demand
        worst = max(worst, start + wcet - q * period)
        start += wcet
    return worst
