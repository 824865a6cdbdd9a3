"""The page of the timeline in a browser: it can be seen, by day and night, and used by keys alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.timelines import large, ran, set_up, timeline, up, waited, worker
from xdist_fixtureworker.controller.timeline.page import page

from ..suite import DISTRIBUTED, Suite
from .chromium import NAMES, Browser, Page, browser, found

COMMAND = found()
pytestmark = pytest.mark.skipif(
    COMMAND is None, reason=f"there is no Chromium: none of {', '.join(NAMES)}"
)
FOCUSED = "document.activeElement.querySelector('title')?.textContent ?? document.activeElement.id"
DETAILS = "document.getElementById('details').textContent"
WIDTH = "document.getElementById('chart').getBoundingClientRect().width"
AXIS = "[...document.querySelectorAll('#axis text')].map(each => each.textContent)"
HOSTILE = "<script>window.hacked = 1</script><img src=x onerror='window.hacked = 1'>"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    assert COMMAND is not None
    with browser(COMMAND, tmp_path_factory.mktemp("profile")) as started:
        yield started


@pytest.fixture
def tab(running: Browser) -> Page:
    made = running.page()
    made.resize(1200, 800)
    return made


@pytest.fixture
def small(tab: Page, tmp_path: Path) -> Page:
    """A tab with a run of two workers and two fixtures."""
    one, other = worker("gw0"), worker("gw1")
    ran(one, "test_it.py::test_a", 2.0, 4.0)
    ran(one, f"test_it.py::test_b[{HOSTILE}]", 4.0, 4.5, "failed")
    ran(other, "test_it.py::test_c", 4.1, 6.0)
    events = [up(1.0), *set_up(2.0, 3.0, 1, "server"), *set_up(4.2, 5.2, 2, HOSTILE)]
    events += [*waited("gw0", 1, "server", 2.1, 3.1), *waited("gw1", 1, HOSTILE, 4.2, 5.3)]
    return shown(tab, tmp_path, page(timeline(events, [one, other])))


def shown(tab: Page, folder: Path, text: str) -> Page:
    file = folder / "timeline.html"
    file.write_text(text, encoding="utf-8")
    tab.open(file)
    return tab


def to_the_picture(tab: Page) -> None:
    """Go there as who has no mouse does: behind the buttons."""
    tab.run("document.getElementById('all').focus()")
    tab.press("Tab")


def test_there_is_nothing_to_complain_about(small: Page) -> None:
    assert small.complaints == []


def test_keys_lead_through_the_picture(small: Page) -> None:
    to_the_picture(small)
    assert small.run(FOCUSED) == "start: 1.00 s, from 0 ms"
    small.press("ArrowRight")
    assert small.run(FOCUSED) == "set-up of server: 1.00 s, from 2.00 s\nconftest.py:1"
    assert small.run(DETAILS) == small.run(FOCUSED)
    small.press("ArrowDown")  # to what is nearest there
    assert small.run(FOCUSED).startswith("test_it.py::test_a\npassed: 2.00 s")
    small.press("ArrowRight")
    assert small.run(FOCUSED).startswith("gw0 waited for server: 1.00 s")
    small.press("End")
    assert small.run(FOCUSED).startswith("test_it.py::test_b[")
    small.press("ArrowDown", "Home")
    assert small.run(FOCUSED) == "start: 400 ms, from 0 ms"
    small.press("ArrowLeft", "ArrowDown")  # there is nothing further
    assert small.run(FOCUSED) == "start: 400 ms, from 0 ms"
    small.press("ArrowUp", "ArrowUp", "ArrowUp")
    assert small.run(FOCUSED) == "start: 1.00 s, from 0 ms"
    # One stop of the Tab key: the next one is behind the picture.
    small.press("Tab")
    assert small.run("document.getElementById('chart').contains(document.activeElement)") is False


def test_keys_give_a_closer_look(small: Page) -> None:
    whole, ticks = small.run(WIDTH), small.run(AXIS)
    to_the_picture(small)
    small.press("End")
    focused = small.run(FOCUSED)
    small.press("+", "+", "+")
    assert small.run(WIDTH) == pytest.approx(8 * whole, rel=0.01)
    assert small.run(FOCUSED) == focused
    box = small.run("JSON.stringify(document.activeElement.getBoundingClientRect())")
    assert small.run(f"(box => box.right > 0 && box.left < innerWidth)({box})")
    small.run("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    closer = small.run(AXIS)
    assert closer != ticks
    assert 3 <= len([text for text in closer if text]) <= 15
    small.press("-", "-")
    assert small.run(WIDTH) == pytest.approx(2 * whole, rel=0.01)
    small.press("0")
    assert small.run(WIDTH) == pytest.approx(whole, rel=0.01)
    for _ in range(20):
        small.press("+")
    assert small.run(WIDTH) == pytest.approx(200 * whole, rel=0.01)
    assert small.complaints == []


def test_buttons_do_the_same(small: Page) -> None:
    whole = small.run(WIDTH)
    small.run("document.getElementById('closer').click()")
    assert small.run(WIDTH) == pytest.approx(2 * whole, rel=0.01)
    small.run("document.getElementById('wider').click()")
    assert small.run(WIDTH) == pytest.approx(whole, rel=0.01)


def test_a_row_of_a_table_leads_to_its_bar(small: Page) -> None:
    small.run("document.querySelectorAll('tbody a')[0].click()")
    assert small.run(FOCUSED).startswith("set-up of server:")


def test_what_is_pointed_at_is_told(small: Page) -> None:
    script = "document.querySelector('.test.failed[role]').getBoundingClientRect().toJSON()"
    box = small.run(script)
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    small.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
    assert small.run(DETAILS).startswith("test_it.py::test_b[<script>")


def test_names_of_others_are_shown_and_do_nothing(small: Page) -> None:
    assert small.run("window.hacked") is None
    assert small.run("document.querySelectorAll('main script, main img').length") == 0
    assert HOSTILE in small.run("document.querySelector('table').textContent")
    # Even if there were a way in, the page lets no other script run than its own.
    small.run(
        "{const script = document.createElement('script'); script.textContent = 'window.hacked = 1';"
        " document.body.append(script); document.body.append(document.createElement('p'));"
        " document.body.lastChild.innerHTML = \"<img src=x onerror='window.hacked = 1'>\"}"
    )
    assert small.run("window.hacked") is None
    assert any("Content Security Policy" in complaint for complaint in small.complaints)


def colours(tab: Page) -> tuple[str, str]:
    style = "getComputedStyle(document.body)"
    return tab.run(f"{style}.backgroundColor"), tab.run(f"{style}.color")


def lightness(colour: str) -> float:
    numbers = colour.removeprefix("rgb(").rstrip(")").split(",")
    return sum(float(number) for number in numbers) / 3


def test_light_and_dark(small: Page) -> None:
    for scheme in ("light", "dark"):
        small.prefer(scheme)
        back, text = map(lightness, colours(small))
        assert abs(back - text) > 150
        assert (back > text) is (scheme == "light")
        assert small.picture().startswith(b"\x89PNG")


@pytest.mark.parametrize("width", [390, 1200])
def test_the_page_is_as_wide_as_the_window(small: Page, width: int) -> None:
    """What is wider scrolls by itself."""
    small.resize(width, 800)
    assert small.run("document.documentElement.scrollWidth") <= width


def test_without_scripts(tab: Page, tmp_path: Path) -> None:
    tab.allow_scripts(False)
    shown_ = shown(tab, tmp_path, page(large(20, 3)))
    shown_.allow_scripts(True)  # for ours; the page's own have not run
    assert shown_.run("document.querySelectorAll('.i title').length") >= 20 + 3
    assert shown_.run("document.querySelector('.test[role]').getBoundingClientRect().width") > 0
    assert shown_.run("document.getElementById('tools').hidden")
    assert len(shown_.run(AXIS)) > 3
    assert shown_.run("document.querySelectorAll('tbody tr').length") == 3 + 12 + 20


def test_a_thousand_fixtures_and_ten_thousand_tests(tab: Page, tmp_path: Path) -> None:
    shown(tab, tmp_path, page(large(10_000, 1000)))
    assert tab.run("document.querySelectorAll('.test[role]').length") == 10_000
    assert tab.run("document.querySelectorAll('.setup[role]').length") == 1000
    to_the_picture(tab)
    tab.press("ArrowDown", "End", "+", "+", "+", "ArrowLeft", "ArrowLeft")
    assert tab.run(FOCUSED).startswith("tests/some/where/test_module_99.py::TestClass::test_method")
    assert tab.run(DETAILS) == tab.run(FOCUSED)
    assert tab.complaints == []


def test_a_real_run(suite: Suite, tab: Page) -> None:
    suite.write(
        {
            "conftest.py": "@global_fixture\ndef server(): return 1",
            "test_it.py": "@pytest.mark.parametrize('n', range(6))\ndef test_it(server, n): pass",
        }
    )
    result = suite.run(*DISTRIBUTED, "--fixture-worker-timeline=timeline.html")
    assert result.outcomes == {"passed": 6}
    tab.open(suite.path / "timeline.html")
    assert tab.run("document.querySelectorAll('.test[role]').length") == 6
    assert tab.run("document.querySelectorAll('.setup[role]').length") == 1
    names = "[...document.querySelectorAll('.labels div')].map(each => each.textContent)"
    assert tab.run(names) == ["", "fixture worker", "gw0", "gw1"]
    assert tab.complaints == []
