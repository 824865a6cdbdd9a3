"""Runs a suite again and again and kills random processes of it; checks what comes of it.

    python tests/survive/soak/soak.py --rounds 300 --seed 7
    python tests/survive/soak/soak.py --seed 7 --only 41

Whom a round kills, how and when follows from the seed and the round's number. A violation is shown
with all that is known of the round, and makes the exit code 1. A round before the others, in which
nobody is killed, measures the machine: what takes many times longer than that hangs.
"""

from __future__ import annotations

import argparse
import math
import signal
import statistics
import sys
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from checks import check, outcome
from plans import Plan, plan
from project import FIXTURES
from rounds import Round, run


def describe(done: Round, whole: bool) -> str:
    """A line about a round; all about it if something is wrong, or on demand."""
    violations = check(done.facts)
    ends = ", ".join(f"{name} {outcome(name, done.facts)}" for name in FIXTURES)
    line = (
        f"{'FAILED' if violations else 'passed'} {done.plan}: exit code {done.facts.exit_code}, "
        f"{ends}; {done.seconds:.1f} s, {len(done.facts.delivered)} signals"
    )
    if not (violations or whole):
        return line
    notes = "\n".join(map(str, done.facts.notes))
    return (
        f"{line}\n"
        + "".join(f"  violation: {violation}\n" for violation in violations)
        + f"--- delivered\n{done.facts.delivered}\n--- notes\n{notes}\n"
        f"--- output\n{done.facts.output}\n--- next run\n{done.facts.next_output}\n---"
    )


def time_to_end(done: Round) -> float | None:
    """Seconds from the controller's end to that of the last process, without finalizers; None if
    that process was stopped for some of it."""
    facts = done.facts
    if facts.all_ended <= facts.controller_ended or facts.left:
        return 0.0 if not facts.left else None
    finalizing = 0.0
    for name in FIXTURES:
        for end in facts.all(f"{name} finalized"):
            begin = next(n for n in facts.all(f"{name} finalizing") if n.pid == end.pid)
            finalizing += max(0.0, end.time - max(begin.time, facts.controller_ended))
    return max(0.0, facts.all_ended - facts.controller_ended - finalizing)


def summary(rounds: Iterable[Round]) -> str:
    """Counts per victim and outcome, and the times from the controller's end to the last one's."""
    outcomes: dict[str, Counter[str]] = {}
    times: dict[str, list[float]] = {}
    failed = passed = 0
    for done in rounds:
        victims = " + ".join(kill.victim for kill in done.plan.kills)
        counter = outcomes.setdefault(victims, Counter())
        counter["rounds"] += 1
        counter["without a victim"] += not done.facts.delivered
        counter.update(outcome(name, done.facts) for name in FIXTURES)
        seconds = time_to_end(done)
        if seconds is not None:
            kind = "killed" if done.facts.controller_was_killed else "in order"
            times.setdefault(kind, []).append(seconds)
        if check(done.facts):
            failed += 1
        else:
            passed += 1
    lines = [
        f"{victims}: " + ", ".join(f"{number} {what}" for what, number in counter.items() if number)
        for victims, counter in sorted(outcomes.items())
    ]
    lines += [
        f"controller ended ({kind}): last process gone after {statistics.median(values):.2f} s "
        f"(median), {max(values):.2f} s (longest of {len(values)}), finalizers not counted"
        for kind, values in sorted(times.items())
    ]
    return "\n".join([*lines, f"{passed} passed, {failed} failed"])


def bound(lanes: int) -> float:
    """Seconds after which a round hangs: minutes for the time-outs of the package, and a multiple of
    what a round takes on this machine, as busy as it is."""
    plain = run(Plan(0, 0, ()), math.inf, lanes)
    print(f"nobody killed: {plain.seconds:.1f} s", flush=True)
    return 300.0 + 10 * plain.seconds


def obey_signals() -> None:
    """A shell that runs this in the background has it ignore some, and that is inherited."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name)
        if signal.getsignal(number) is signal.SIG_IGN:
            default = signal.default_int_handler if name == "SIGINT" else signal.SIG_DFL
            signal.signal(number, default)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="number of the first round")
    parser.add_argument("--only", type=int, metavar="ROUND", help="run this round alone")
    parser.add_argument("--jobs", type=int, default=2, help="rounds at the same time")
    parser.add_argument("--bound", type=float, help="seconds that a round may take; else measured")
    parser.add_argument("--lanes", type=int, default=1, help="fixture workers of each run")
    options = parser.parse_args()
    obey_signals()
    numbers = range(options.first, options.first + options.rounds)
    if options.only is not None:
        numbers = range(options.only, options.only + 1)
    limit = bound(options.lanes) if options.bound is None else options.bound
    done = []
    with ThreadPoolExecutor(options.jobs) as pool:
        plans = [plan(options.seed, number) for number in numbers]
        for one in pool.map(lambda planned: run(planned, limit, options.lanes), plans):
            print(describe(one, options.only is not None), flush=True)
            done.append(one)
    print(summary(done))
    return int(any(check(one.facts) for one in done))


if __name__ == "__main__":
    sys.exit(main())
