"""The timeline as a page that needs nothing else: a picture and tables; controller. Pure.

What is in it was named by others: ids of tests, names of fixtures. All of it goes through
:func:`.texts.safe`; and the page allows no script but its own, by the digest of that.
"""

from __future__ import annotations

import base64
import hashlib
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from importlib.resources import files

from ...roles import FIXTURE_WORKER_ID
from . import texts
from .drawing import AXIS, Drawing, height, kind_of
from .savings import FixtureWaits, Savings
from .spans import Lane, Span, Timeline
from .texts import counted, safe, shown

_ROWS = 100
"""Rows of a table of the longest."""
_NEEDLESS = 0.001  # seconds of waits that nobody can do anything about


def page(timeline: Timeline) -> str:
    """The whole file."""
    style, script = _part("page.css"), _part("page.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    drawing, savings = Drawing(timeline), Savings(timeline)
    picture = drawing.svg()
    began = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(timeline.began))
    return "\n".join(
        [
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
            '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
            f"style-src 'unsafe-inline'; script-src 'sha256-{digest}'; img-src data:\">",
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<link rel="icon" href="data:,">',
            f"<title>Timeline of a test run, {began}</title>",
            f"<style>\n{style}</style>\n</head>\n<body>\n<main>",
            f"<h1>Timeline of a test run</h1>\n<p>{began}. {_summary(timeline)}</p>",
            *_paragraphs(timeline, savings),
            _LEGEND,
            *_chart(timeline.lanes, picture),
            *_fixtures(savings, drawing),
            *_waits(timeline, drawing),
            *_tests(timeline),
            f"</main>\n<script>{script}</script>\n</body>\n</html>\n",
        ]
    )


def _part(name: str) -> str:
    return files(__package__ or "").joinpath(name).read_text(encoding="utf-8")


# --- texts


def _summary(timeline: Timeline) -> str:
    outcomes = Counter(test.outcome for test in timeline.tests)
    tests = counted(len(timeline.tests), "test")
    if outcomes:
        tests += f" ({', '.join(f'{number:,} {safe(each)}' for each, number in outcomes.items())})"
    workers = counted(len(timeline.test_workers), "test worker")
    if [lane.name for lane in timeline.test_workers] == ["tests"]:
        workers = "one process"
    fixtures = sum(each.is_global for each in timeline.set_ups)
    set_up = f", and {counted(fixtures, 'set-up')} of global fixtures" if fixtures else ""
    return f"{shown(timeline.seconds)}: {tests} in {workers}{set_up}."


def _paragraphs(timeline: Timeline, savings: Savings) -> Iterator[str]:
    for lane in timeline.lanes:
        if lane.death is not None:
            yield f'<p class="bad">{safe(texts.of_death(lane.name, lane.death))}</p>'
    if not timeline.fixture_workers:
        yield f"<p>{no_fixture_worker()}</p>"
    elif not savings.fixtures:
        yield f"<p>{nothing_set_up()}</p>"
    else:
        yield "<h2>What would save time</h2>"
        yield from (f"<p>{safe(line)}</p>" for line in advice(savings))


def advice(savings: Savings) -> Iterator[str]:
    """What the waits amount to, and what would make them shorter."""
    waited = savings.parts.seconds
    workers = {worker for fixture in savings.fixtures for worker in fixture.workers}
    if waited < _NEEDLESS:
        yield no_waits()
        return
    each = f", {shown(waited / len(workers))} each on average" if len(workers) > 1 else ""
    yield (
        f"{counted(len(workers), 'test worker')} waited {shown(waited)} for global fixtures"
        f"{each}: {texts.of_parts(savings.parts)}."
    )
    if savings.eager > _NEEDLESS:
        alone = {each.fixture: each.eager or 0.0 for each in savings.fixtures}
        best = sorted(alone, key=lambda name: -alone[name])[:3]
        named = [f"{name} {shown(alone[name])}" for name in best if alone[name] > _NEEDLESS]
        by_itself = f" One alone: {', '.join(named)}." if named else ""
        yield (
            f"@global_fixture(eager=True) on all of them, so that their set-ups begin when the "
            f"fixture worker is up, would save about {shown(savings.eager)} of that.{by_itself}"
        )
    else:
        yield "@global_fixture(eager=True) would save nothing: the set-ups began early enough."
    if savings.lanes > _NEEDLESS:
        yield (
            f"--fixture-worker-lanes, so that fixtures that do not depend on each other are set up "
            f"at the same time, would save {shown(savings.lanes)} of that at most."
        )
    else:
        yield (
            "--fixture-worker-lanes would save nothing: nobody waited behind the set-up of a "
            "fixture that has nothing to do with the one that was wanted."
        )
    yield estimates()


# --- the picture


def _chart(lanes: Sequence[Lane], picture: str) -> Iterator[str]:
    yield '<section aria-labelledby="when"><h2 id="when">What happened when</h2>'
    yield f'<p id="keys" hidden>{_KEYS}</p><div id="tools" hidden>'
    for name, label, text in _BUTTONS:
        yield f'<button type="button" id="{name}" aria-label="{label}">{text}</button>'
    yield '</div><div class="picture"><div class="labels" aria-hidden="true">'
    yield f'<div style="height:{AXIS}px"></div>'
    for lane in lanes:
        name, kind = safe(lane.name), kind_of(lane)
        text = kind if lane.name == FIXTURE_WORKER_ID else name
        yield f'<div style="height:{height(lane)}px" title="{name}: {kind}">{text}</div>'
    yield '</div><div class="scroll" tabindex="0" role="group" aria-label="Timeline">'
    yield f'{picture}</div></div><pre id="details" role="status"></pre></section>'


# --- the tables


def _table(caption: str, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Heads and cells are HTML. A ``#`` before a head: the column has numbers."""
    kinds = [' class="number"' if text.startswith("#") else "" for text in heads]
    named = zip(heads, kinds, strict=True)
    head = "".join(f'<th scope="col"{kind}>{text.lstrip("#")}</th>' for text, kind in named)
    lines = []
    for first, *others in rows:
        cells = zip(others, kinds[1:], strict=True)
        row = "".join(f"<td{kind}>{text}</td>" for text, kind in cells)
        lines.append(f'<tr><th scope="row">{first}</th>{row}</tr>')
    body = "\n".join(lines)
    return (
        f'<div class="table" tabindex="0" role="group" aria-label="{caption}"><table>'
        f"<caption>{caption}</caption>\n<thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody>"
        f"</table></div>"
    )


def _fixtures(savings: Savings, drawing: Drawing) -> Iterator[str]:
    fixtures = savings.fixtures
    if not fixtures:
        return
    heads = (
        *("fixture", "defined", "#set-up", "outcome", "asked for by", "#waits", "#longest"),
        *("#eager saves", "what the waits were"),
    )
    rows = (_fixture(each, drawing) for each in fixtures)
    yield f"<section>{_table('Global fixtures, as they were set up', heads, rows)}</section>"


def _fixture(fixture: FixtureWaits, drawing: Drawing) -> Sequence[str]:
    name = safe(fixture.fixture)
    first = _link(drawing, fixture.set_ups[0], name) if fixture.set_ups else name
    outcomes = sorted({each.outcome or "set up" for each in fixture.set_ups})
    if len(fixture.set_ups) > 1:
        outcomes.append(f"{len(fixture.set_ups)} instances")
    return (
        first,
        f'<code class="where">{safe(fixture.where)}</code>',
        shown(sum(each.seconds for each in fixture.set_ups)),
        ", ".join(outcomes) or "not set up",
        safe(_few(sorted(fixture.workers))),
        shown(fixture.parts.seconds),
        shown(fixture.longest),
        "" if fixture.eager is None else shown(fixture.eager),
        f'<span class="faint">{texts.of_parts(fixture.parts)}</span>',
    )


def _few(names: Sequence[str]) -> str:
    if len(names) > 4:
        return f"{len(names)} workers"
    return ", ".join(names) or "no test"


def _waits(timeline: Timeline, drawing: Drawing) -> Iterator[str]:
    waits = [wait for wait in timeline.waits if wait.seconds >= _NEEDLESS]
    if not waits:
        return
    longest = sorted(waits, key=lambda wait: -wait.seconds)[:_ROWS]
    rows = (
        (
            _link(drawing, wait, safe(wait.worker)),
            safe(wait.fixture),
            shown(wait.start),
            shown(wait.seconds),
            "a value" if wait.is_ready else "an error",
            f"<code>{safe(wait.test)}</code>",
        )
        for wait in longest
    )
    heads = ("who waited", "for what", "#from", "#how long", "and got", "for which test")
    caption = _caption("Waits", len(longest), len(waits))
    yield f"<section>{_table(caption, heads, rows)}</section>"


def _tests(timeline: Timeline) -> Iterator[str]:
    tests = [(test, lane.name) for lane in timeline.test_workers for test in lane.tests]
    if not tests:
        return
    longest = sorted(tests, key=lambda each: -each[0].seconds)[:_ROWS]
    rows = (
        (
            f"<code>{safe(test.nodeid)}</code>",
            safe(worker),
            shown(test.start),
            shown(test.seconds),
            safe(test.outcome),
        )
        for test, worker in longest
    )
    caption = _caption("Tests", len(longest), len(tests))
    heads = ("test", "where", "#from", "#how long", "outcome")
    yield f"<section>{_table(caption, heads, rows)}</section>"


def _caption(what: str, number: int, all_: int) -> str:
    if number < all_:
        return f"{what}: the longest {number} of {all_:,}"
    return f"{what}, longest first"


def _link(drawing: Drawing, span: Span, text: str) -> str:
    return f'<a href="#{drawing.places[span]}">{text}</a>'


_LEGEND = (
    '<ul class="legend" aria-label="Legend">'
    + "".join(
        f'<li><svg width="22" height="14" aria-hidden="true"><rect class="i {kind}" width="22" '
        f'height="14"/></svg> {text}</li>'
        for kind, text in (
            ("setup", "set-up of a fixture"),
            ("finalizer", "finalizer"),
            ("wait", "a worker waits"),
            ("test passed", "test; darker: its set-up and teardown"),
            ("test failed", "failed"),
            ("test skipped", "skipped"),
            ("start", "a process starts, or collects"),
        )
    )
    + '<li><svg width="22" height="22" viewBox="-11 -11 22 22" aria-hidden="true"><g class="death">'
    '<circle r="10"/><path d="M-5,-5L5,5M-5,5L5,-5"/></g></svg> a process dies</li></ul>'
)
_KEYS = (
    "Point at a bar, or go there with the keys: <kbd>←</kbd> <kbd>→</kbd> along a process, "
    "<kbd>↑</kbd> <kbd>↓</kbd> to another one, <kbd>Home</kbd> <kbd>End</kbd>, <kbd>+</kbd> "
    "<kbd>&minus;</kbd> for a closer look and back, <kbd>0</kbd> for all of it."
)
_BUTTONS = (
    ("closer", "Closer", "+"),
    ("wider", "Back", "&minus;"),
    ("all", "All of the run", "all"),
)


# --- messages


def no_fixture_worker() -> str:
    return (
        "This run had no fixture worker: each process set up its fixtures for itself, within the "
        "first test that uses them."
    )


def nothing_set_up() -> str:
    return "No test asked for a global fixture, so nothing was set up in the fixture worker."


def no_waits() -> str:
    return "No test worker waited for a global fixture."


def estimates() -> str:
    return (
        "These are estimates, for the same tests on the same workers, as if there were a core for "
        "whatever happens at once, and as far as arguments tell which fixture depends on which."
    )
