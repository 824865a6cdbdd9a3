"""The timeline in the Trace Event format, which Perfetto opens; controller. Pure.

Each process of the run is a process there. Test workers have a thread for tests and one for waits;
an arrow leads from a set-up to each wait that it ended.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from typing import Any

from .savings import Savings
from .spans import FixtureLane, Lane, Span, TestLane, Timeline, Wait

_TESTS, _WAITS = 1, 2
_SET_UPS = 1
Entry = dict[str, Any]


def trace(timeline: Timeline) -> str:
    """The whole file."""
    # One event a line: so it can be looked through, and is written in parts by the C encoder.
    lines = ",\n".join(json.dumps(event, separators=(",", ":")) for event in _events(timeline))
    other = json.dumps(_other_data(timeline), indent=1)
    return f'{{"traceEvents":[\n{lines}\n],\n"displayTimeUnit":"ms",\n"otherData":{other}}}\n'


def _events(timeline: Timeline) -> Iterator[Entry]:
    processes = {lane.name: number for number, lane in enumerate(timeline.lanes, start=1)}
    for lane in timeline.lanes:
        process = processes[lane.name]
        yield from _names(process, lane)
        for start in lane.starts:
            yield _complete(process, 1, start.what, "start", start)
        if isinstance(lane, FixtureLane):
            yield from _fixture_lane(process, lane)
        elif isinstance(lane, TestLane):
            yield from _tests(process, lane)
            yield from (_wait(process, wait) for wait in lane.waits)
        if lane.death is not None:
            place = {"ts": _micro(lane.death.at), "pid": process, "tid": 1}
            reason = {"reason": lane.death.reason}
            yield {"name": "died", "cat": "death", "ph": "i", "s": "p", **place, "args": reason}
    yield from _arrows(timeline, processes)


def _names(process: int, lane: Lane) -> Iterator[Entry]:
    if isinstance(lane, FixtureLane):
        name, threads = "fixture worker", {_SET_UPS: "fixtures"}
    else:
        name, threads = "test worker", {_TESTS: "tests", _WAITS: "waits"}
    title = lane.name if lane.name == "tests" else f"{lane.name} ({name})"
    yield _metadata(process, 0, "process_name", name=title)
    yield _metadata(process, 0, "process_sort_index", sort_index=process)
    for thread, text in threads.items():
        yield _metadata(process, thread, "thread_name", name=text)


def _fixture_lane(process: int, lane: FixtureLane) -> Iterator[Entry]:
    fixtures = {each.key: each.fixture for each in lane.set_ups}
    for set_up in lane.set_ups:
        details = {"where": set_up.where, "outcome": set_up.outcome or "set up"}
        if set_up.needs:
            details["needs"] = ", ".join(fixtures.get(key, "?") for key in set_up.needs)
        if not set_up.is_global:
            details["scope"] = "session, in this process"
        yield _complete(process, _SET_UPS, set_up.fixture, "set-up", set_up, **details)
    for finalizer in lane.finalizers:
        kind = "recovery" if finalizer.is_recovery else "finalizer"
        details = {"where": finalizer.where, "outcome": finalizer.outcome or "finalized"}
        name = f"{kind} of {finalizer.fixture}"
        yield _complete(process, _SET_UPS, name, kind, finalizer, **details)
    for other in lane.others:
        yield _complete(process, _SET_UPS, other.what, "other", other)


def _tests(process: int, lane: TestLane) -> Iterator[Entry]:
    for test in lane.tests:
        yield _complete(process, _TESTS, test.nodeid, "test", test, outcome=test.outcome)
        for phase in test.phases:
            yield _complete(process, _TESTS, phase.when, "phase", phase)


def _wait(process: int, wait: Wait) -> Entry:
    details = {"fixture": wait.fixture, "test": wait.test, "ready": wait.is_ready}
    return _complete(process, _WAITS, f"waits for {wait.fixture}", "wait", wait, **details)


def _arrows(timeline: Timeline, processes: Mapping[str, int]) -> Iterator[Entry]:
    """From the end of each set-up to that of each wait that it ended."""
    set_ups = {each.key: each for each in timeline.set_ups}
    for number, wait in enumerate(timeline.waits, start=1):
        if wait.set_up is None or set_ups[wait.set_up].stop < wait.start:
            continue
        set_up = set_ups[wait.set_up]
        common = {"name": set_up.fixture, "cat": "wait", "id": number}
        from_, to = processes[set_up.key[0]], processes[wait.worker]
        yield {**common, "ph": "s", "ts": _just_before_end(set_up), "pid": from_, "tid": _SET_UPS}
        end = {"ts": _just_before_end(wait), "pid": to, "tid": _WAITS}
        yield {**common, "ph": "f", "bp": "e", **end}


def _just_before_end(span: Span) -> int:
    """Within the span, as arrows have to begin and end."""
    return max(_micro(span.start), _micro(span.stop) - 1)


def _complete(
    process: int, thread: int, name: str, category: str, span: Span, **details: object
) -> Entry:
    start = _micro(span.start)
    times = {"ts": start, "dur": max(0, _micro(span.stop) - start)}
    event: Entry = {"name": name, "cat": category, "ph": "X", **times}
    return {**event, "pid": process, "tid": thread, **({"args": details} if details else {})}


def _metadata(process: int, thread: int, kind: str, **details: object) -> Entry:
    return {"name": kind, "ph": "M", "pid": process, "tid": thread, "args": details}


def _micro(seconds: float) -> int:
    return round(seconds * 1e6)


def _other_data(timeline: Timeline) -> Entry:
    """What is known of the run as a whole. Seconds."""
    savings = Savings(timeline)
    return {
        "started": datetime.fromtimestamp(timeline.began, timezone.utc).isoformat(),
        "seconds": round(timeline.seconds, 6),
        "waits": _rounded(savings.parts.seconds),
        "would_save": {
            "eager": _rounded(savings.eager),
            "lanes_at_most": _rounded(savings.lanes),
        },
        "fixtures": [
            {
                "fixture": each.fixture,
                "where": each.where,
                "set_up": _rounded(sum(one.seconds for one in each.set_ups)),
                "instances": len(each.set_ups),
                "asked_by": sorted(each.workers),
                "waits": {
                    "all": _rounded(each.parts.seconds),
                    "longest": _rounded(each.longest),
                    "for_its_set_up": _rounded(each.parts.own),
                    "for_the_fixture_worker_to_start": _rounded(each.parts.start),
                    "behind_independent_set_ups": _rounded(each.parts.others),
                    "behind_related_set_ups": _rounded(each.parts.related),
                },
                "eager_alone_would_save": None if each.eager is None else _rounded(each.eager),
            }
            for each in savings.fixtures
        ],
    }


def _rounded(seconds: float) -> float:
    return round(seconds, 6)
