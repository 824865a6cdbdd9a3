"""The timeline as trace events, and as a page."""

from __future__ import annotations

import json
import re
from collections import Counter
from html.parser import HTMLParser
from typing import Any

import pytest

from tests.timelines import (
    FW,
    ORIGIN,
    begun,
    ended,
    finalized,
    large,
    ran,
    set_up,
    timeline,
    up,
    waited,
    worker,
)
from xdist_fixtureworker.controller.journal import (
    Did,
    Event,
    FixtureWorkerDied,
    RecoveryBegun,
    RecoveryEnded,
)
from xdist_fixtureworker.controller.timeline import drawing
from xdist_fixtureworker.controller.timeline import page as page_module
from xdist_fixtureworker.controller.timeline.drawing import Drawing
from xdist_fixtureworker.controller.timeline.elements import tick
from xdist_fixtureworker.controller.timeline.page import page
from xdist_fixtureworker.controller.timeline.recorded import Worker
from xdist_fixtureworker.controller.timeline.spans import Timeline
from xdist_fixtureworker.controller.timeline.texts import safe, shown
from xdist_fixtureworker.controller.timeline.trace_events import trace

HOSTILE = "<script>alert(1)</script>\" onfocus='alert(2)' &amp; \x1b[31m \udc80 \x00 ]]> -->"


def eventful() -> Timeline:
    """A run with one of each."""
    one, other = worker("gw0"), worker("gw1", start=0.1)
    ran(one, "test_it.py::test_a", 2.0, 4.0)
    ran(one, "folder/test_it.py::test_b[1]", 4.0, 5.0, "failed")
    other.down, other.error = ORIGIN + 6.0, "Not properly terminated"
    events: list[Event] = [
        up(1.0),
        Did(ORIGIN + 1.5, FW, "the import of test_it.py"),
        begun(2.0, 1, "settings", is_global=False),
        ended(2.5, 1, "settings"),
        *set_up(2.5, 3.5, 2, "server"),
        *waited("gw0", 1, "server", 2.1, 3.6),
        *waited("gw0", 2, "server", 4.1, 4.1001),
        begun(4.5, 3, "broken"),
        ended(4.75, 3, "broken", failed=True),
        *waited("gw1", 1, "broken", 4.0, 4.8, is_ready=False),
        *finalized(7.0, 7.5, 2, "server"),
        FixtureWorkerDied(ORIGIN + 8.0, FW, "its process 7 was killed by signal 9"),
        RecoveryBegun(ORIGIN + 9.0, "recovery", 2, "server", "conftest.py:2"),
        RecoveryEnded(ORIGIN + 9.5, "recovery", 2, None, FW),
    ]
    return timeline(events, [one, other])


# --- trace events


def traced(of: Timeline) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    parsed = json.loads(trace(of))
    assert parsed["displayTimeUnit"] == "ms"
    return parsed["traceEvents"], parsed["otherData"]


def names(events: list[dict[str, Any]], category: str) -> list[str]:
    return [each["name"] for each in events if each.get("cat") == category]


def test_processes_and_threads_have_names() -> None:
    events, _ = traced(eventful())
    named = [
        (each["name"], each["pid"], each["args"].get("name"))
        for each in events
        if each["ph"] == "M"
    ]
    assert [each for each in named if each[0] == "process_name"] == [
        ("process_name", 1, "fixtureworker (fixture worker)"),
        ("process_name", 2, "recovery (fixture worker)"),
        ("process_name", 3, "gw0 (test worker)"),
        ("process_name", 4, "gw1 (test worker)"),
    ]
    assert ("thread_name", 3, "waits") in named


def test_each_event_has_what_the_format_wants() -> None:
    events, _ = traced(eventful())
    assert Counter(each["ph"] for each in events) == {"M": 14, "X": 23, "i": 2, "s": 2, "f": 2}
    for each in events:
        assert {"name", "ph", "pid", "tid"} <= each.keys()
        if each["ph"] != "M":
            assert isinstance(each["ts"], int)
        if each["ph"] == "X":
            assert isinstance(each["dur"], int)
            assert each["dur"] >= 0


def test_what_happened_is_there_in_microseconds() -> None:
    events, _ = traced(eventful())
    assert names(events, "set-up") == ["settings", "server", "broken"]
    assert names(events, "finalizer") == ["finalizer of server"]
    assert names(events, "recovery") == ["recovery of server"]
    assert names(events, "other") == ["the import of test_it.py"]
    assert names(events, "test") == ["test_it.py::test_a", "folder/test_it.py::test_b[1]"]
    assert names(events, "phase") == ["setup", "call", "teardown"] * 2
    assert len([each for each in names(events, "wait") if each.startswith("waits for")]) == 3
    assert len(names(events, "death")) == 2
    [server] = [each for each in events if each["name"] == "server" and each["ph"] == "X"]
    assert (server["ts"], server["dur"]) == (2_500_000, 1_000_000)
    assert server["args"] == {"where": "conftest.py:2", "outcome": "set up"}


def test_slices_of_a_thread_lie_in_each_other_or_apart() -> None:
    """Else Perfetto drops some."""
    for of in (eventful(), large(200, 20)):
        threads: dict[tuple[int, int], list[tuple[int, int]]] = {}
        for each in traced(of)[0]:
            if each["ph"] == "X":
                stop = each["ts"] + each["dur"]
                threads.setdefault((each["pid"], each["tid"]), []).append((each["ts"], -stop))
        for slices in threads.values():
            open_: list[int] = []
            for start, negative in sorted(slices):
                while open_ and open_[-1] <= start:
                    open_.pop()
                assert not open_ or -negative <= open_[-1]
                open_.append(-negative)


def test_an_arrow_leads_from_a_set_up_to_who_waited_for_it() -> None:
    events, _ = traced(eventful())
    starts = {each["id"]: each for each in events if each["ph"] == "s"}
    ends = {each["id"]: each for each in events if each["ph"] == "f"}
    assert starts.keys() == ends.keys()
    arrows = [(starts[id_]["name"], starts[id_]["pid"], ends[id_]["pid"]) for id_ in starts]
    assert sorted(arrows) == [("broken", 1, 4), ("server", 1, 3)]  # not for what was there
    assert (starts[1]["ts"], ends[1]["ts"]) == (3_499_999, 3_599_999)


def test_what_is_known_of_the_run_as_a_whole() -> None:
    _, other = traced(eventful())
    assert other["started"] == "2023-11-14T22:13:20+00:00"
    assert other["seconds"] == 10.0
    assert other["waits"] == pytest.approx(2.3001)
    server, broken = other["fixtures"]
    assert (server["fixture"], server["instances"], server["asked_by"]) == ("server", 1, ["gw0"])
    assert server["waits"]["all"] == pytest.approx(1.5001)
    assert server["waits"]["for_its_set_up"] == pytest.approx(1.4)
    assert broken["waits"]["for_its_set_up"] == pytest.approx(0.25)
    assert other["would_save"].keys() == {"eager", "lanes_at_most"}


def test_a_run_in_which_nothing_happened() -> None:
    events, other = traced(timeline([]))
    assert (events, other["fixtures"], other["waits"]) == ([], [], 0.0)


# --- the page


class Parsed(HTMLParser):
    """What there is in a page: elements, and the text in those that are asked for."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text: dict[str, list[str]] = {"script": [], "title": [], "p": [], "td": [], "th": []}
        self._open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag in self.text:
            self._open.append(tag)
            self.text[tag].append("")

    def handle_endtag(self, tag: str) -> None:
        if tag in self.text:
            self._open.pop()

    def handle_data(self, data: str) -> None:
        if self._open:
            self.text[self._open[-1]][-1] += data

    def of(self, tag: str, kind: str) -> list[dict[str, str | None]]:
        """The attributes of the elements of a class."""
        return [
            attributes
            for name, attributes in self.elements
            if name == tag and kind in (attributes.get("class") or "").split()
        ]


def test_all_that_happened_can_be_pointed_at() -> None:
    parsed = Parsed(page(eventful()))
    titles = "\n".join(parsed.text["title"])
    for text in (
        "set-up of server: 1.00 s, from 2.50 s\nconftest.py:2",
        "set-up of a session fixture, in this process, of settings: 500 ms, from 2.00 s",
        "set-up failed of broken: 250 ms, from 4.50 s",
        "finalizer of server: 500 ms, from 7.00 s",
        "recover= function of server: 500 ms, from 9.00 s",
        "the import of test_it.py: 500 ms, from 1.50 s",
        "gw0 waited for server: 1.50 s, from 2.10 s\nfor test_it.py::test_a",
        "gw1 waited for broken: 800 ms, from 4.00 s\nit got an error",
        "test_it.py::test_a\npassed: 2.00 s, from 2.00 s (setup 200 ms, call 1.60 s, teardown 200 ms)",
        "start: 400 ms, from 0 ms",
        "collection: 100 ms, from 400 ms",
        "gw1 ended too early, at 6.00 s: Not properly terminated",
        "fixtureworker ended too early, at 8.00 s: its process 7 was killed by signal 9",
    ):
        assert text in titles
    assert [each["class"] for each in parsed.of("svg", "setup")] == [
        "i setup plain",
        "i setup odd",
        "i setup failed",
    ]
    assert len(parsed.of("svg", "death")) == 2
    assert len(parsed.of("p", "bad")) == 2


def test_what_would_save_time_is_said() -> None:
    texts = Parsed(page(eventful())).text["p"]
    assert (
        "2 test workers waited 2.30 s for global fixtures, 1.15 s each on average: 1.65 s for the "
        "set-up that was wanted, 650 ms for imports and transfer."
    ) in texts
    assert any(text.startswith("@global_fixture(eager=True) on all of them, ") for text in texts)
    assert any(text.startswith("--fixture-worker-lanes would save nothing") for text in texts)
    assert page_module.estimates() in texts


def test_what_lanes_would_save_is_said() -> None:
    events = [up(1.0), *set_up(1.0, 2.0, 1, "server"), *set_up(2.0, 3.0, 2, "wheel")]
    texts = Parsed(page(timeline([*events, *waited("gw0", 1, "wheel", 1.0, 3.0)]))).text["p"]
    assert (
        "1 test worker waited 2.00 s for global fixtures: 1.00 s for the set-up that was wanted, "
        "1.00 s behind independent set-ups."
    ) in texts
    assert (
        "--fixture-worker-lanes, so that fixtures that do not depend on each other are set up at the "
        "same time, would save 1.00 s of that at most."
    ) in texts
    assert (
        "@global_fixture(eager=True) would save nothing: the set-ups began early enough." in texts
    )


@pytest.mark.parametrize(
    ("events", "message"),
    [
        ([], page_module.no_fixture_worker()),
        ([up(1.0)], page_module.nothing_set_up()),
        ([up(1.0), *set_up(1.0, 2.0, 1, "eager")], page_module.no_waits()),
    ],
)
def test_where_there_is_nothing_to_save(events: list[Event], message: str) -> None:
    assert message in Parsed(page(timeline(events))).text["p"]


def test_tables_lead_to_the_picture() -> None:
    parsed = Parsed(page(eventful()))
    ids = {attributes["id"] for _, attributes in parsed.elements if "id" in attributes}
    links = [str(each["href"])[1:] for tag, each in parsed.elements if tag == "a"]
    assert len(links) == 4  # two fixtures, and the two waits that were long enough
    assert set(links) <= ids
    assert "test_it.py::test_a" in "\n".join(parsed.text["td"])


def test_what_others_wrote_is_text() -> None:
    one = worker(HOSTILE)
    ran(one, HOSTILE, 2.0, 4.0, HOSTILE)
    one.down, one.error = ORIGIN + 6.0, HOSTILE
    events = [
        up(1.0),
        Did(ORIGIN + 1.5, FW, HOSTILE),
        *set_up(2.0, 3.0, 1, HOSTILE),
        *waited(HOSTILE, 1, HOSTILE, 2.1, 3.1),
        *finalized(7.0, 7.5, 1, HOSTILE),
        FixtureWorkerDied(ORIGIN + 8.0, FW, HOSTILE),
    ]
    found = timeline(events, [one])
    text = page(found)
    harmless = Parsed(page(eventful()))
    parsed = Parsed(text)
    assert [tag for tag, _ in parsed.elements].count("script") == 1
    assert parsed.text["script"] == harmless.text["script"]
    expected = {name for _, attributes in harmless.elements for name in attributes}
    assert {name for _, attributes in parsed.elements for name in attributes} <= expected
    text.encode("utf-8")
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", text)
    assert "<script>alert(1)" not in text.replace(page_module._part("page.js"), "")
    events_, _ = traced(found)
    assert HOSTILE in names(events_, "test")


def test_only_its_own_script_may_run() -> None:
    """By the digest, which the browser test relies on."""
    [policy] = [
        str(each["content"])
        for tag, each in Parsed(page(eventful())).elements
        if tag == "meta" and each.get("http-equiv") == "Content-Security-Policy"
    ]
    assert re.fullmatch(
        r"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-[\w+/=]{44}'; img-src data:",
        policy,
    )


def test_it_needs_nothing_from_elsewhere() -> None:
    for _, attributes in Parsed(page(eventful())).elements:
        assert not attributes.keys() & {"src", "srcset", "xlink:href"}
        assert str(attributes.get("href", "#")).startswith(("#", "data:,"))


def test_a_run_in_one_process() -> None:
    only = Worker("tests", ORIGIN, is_local=True)
    only.up, only.collected = ORIGIN, ORIGIN + 0.5
    ran(only, "test_a", 1.0, 2.0)
    texts = Parsed(page(timeline([], [only]))).text["p"]
    assert any("10.0 s: 1 test (1 passed) in one process." in text for text in texts)


# --- many


def test_each_of_many_tests_can_be_pointed_at() -> None:
    parsed = Parsed(page(large(1000, 100)))
    assert len([title for title in parsed.text["title"] if "::test_method[" in title]) == 1000
    assert len(parsed.of("svg", "setup")) == 100
    assert len(parsed.of("rect", "wait")) == 400 + 1  # in the legend
    rows = [tag for tag, _ in parsed.elements].count("tr")
    assert rows == 3 + 100 + 100 + 100  # heads, all fixtures, the longest waits, the longest tests


def test_of_even_more_short_ones_are_drawn_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing, "_MOST_TESTS", 1000)
    monkeypatch.setattr(drawing, "_SHORT", 1 / 100)
    one = worker("gw0")
    ran(one, "test_long", 1.0, 3.0)
    for number in range(2000):
        start = 3.0 + number / 1000
        outcome = "failed" if number == 1000 else "passed"
        ran(one, f"test_{number}", start, start + 0.001, outcome)
    ran(one, "test_last", 5.0, 9.0)
    parsed = Parsed(Drawing(timeline([], [one])).svg())
    drawn = [title for title in parsed.text["title"] if "test_" in title]
    assert 20 <= len(drawn) - 2 <= 24
    assert drawn[0].startswith("test_long\npassed: 2.00 s")
    assert drawn[-1].startswith("test_last\n")
    counts = [int(title.partition(" ")[0]) for title in drawn[1:-1]]
    assert sum(counts) == 2000
    assert len(parsed.of("rect", "failed")) == 1
    [failed] = [title for title in drawn if "the worst failed" in title]
    assert re.match(
        r"\d+ tests: \d+ ms, from \d\.\d\d s, the worst failed\ntest_\d+\n...\ntest_\d+$", failed
    )


# --- how it is said


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0, "0 ms"), (0.0123, "12 ms"), (0.9994, "999 ms"), (0.9996, "1.00 s"), (12.34, "12.3 s")],
)
def test_seconds(seconds: float, text: str) -> None:
    assert shown(seconds) == text


@pytest.mark.parametrize(
    ("least", "step"),
    [(0.9, 1.0), (1.0, 1.0), (1.1, 2.0), (3.0, 5.0), (6.0, 10.0), (0.0003, 0.0005)],
)
def test_steps_of_the_axis(least: float, step: float) -> None:
    assert tick(least) == pytest.approx(step)


def test_safe() -> None:
    assert safe("<a>\n\x1b") == "&lt;a&gt;\n\\x1b"
