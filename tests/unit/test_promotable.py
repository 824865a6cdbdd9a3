"""Whether the names that configuration makes global fit the fixtures there are, asked of real sessions."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from xdist_fixtureworker.rules.findings import Findings
from xdist_fixtureworker.rules.promotable import examine

from ..suite import Suite

CONFTEST = """
@pytest.fixture(scope="session")
def tables(): return "tables"
@pytest.fixture(scope="session")
def labels(): return "labels"
@pytest.fixture(scope="module")
def rows(tables): return "rows"
@pytest.fixture
def row(rows): return "row"
"""


class Examines:
    """A plugin that examines the session once the tests are collected."""

    def __init__(self, everything: bool) -> None:
        self._everything = everything
        self.found = Findings("never asked")

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_collection_finish(self, session: pytest.Session) -> Generator[None, None, None]:
        self.found = examine(session, self._everything)
        yield


def examined(
    suite: Suite,
    pytester: pytest.Pytester,
    *names: str,
    arguments: tuple[str, ...] = (),
    everything: bool = True,
    **files: str,
) -> Findings:
    """What is found in a session with these names in its ini file."""
    lines = "".join(f"    {name}\n" for name in names)
    suite.write(
        {
            "pytest.ini": f"[pytest]\npythonpath = .\nglobal_fixtures =\n{lines}",
            "conftest.py": CONFTEST,
            "test_it.py": "def test_it(): pass",
            **{f"{name}.py": text for name, text in files.items()},
        }
    )
    plugin = Examines(everything)
    pytester.inline_run("--collect-only", *arguments, plugins=[plugin])
    return plugin.found


def test_session_fixtures(suite: Suite, pytester: pytest.Pytester) -> None:
    assert examined(suite, pytester, "tables", "labels: attrs(url)") == Findings()


def test_a_name_of_nothing(suite: Suite, pytester: pytest.Pytester) -> None:
    """Names that are near are those of fixtures which could be global: "rows" could not."""
    found = examined(suite, pytester, "rowss", "tabels")
    assert found.error.splitlines()[::2] == [
        "global_fixtures: there is no session fixture 'rowss'.",
        "global_fixtures: there is no session fixture 'tabels'. Did you mean tables or labels?",
    ]
    assert found.notes == ()


def test_a_name_of_nothing_in_a_part_of_the_suite(suite: Suite, pytester: pytest.Pytester) -> None:
    found = examined(suite, pytester, "tabels", "something", everything=False)
    assert found.error == ""
    assert found.notes == (
        "global_fixtures: there is no session fixture 'tabels' in what was collected.\n"
        "Did you mean tables or labels?",
    )


def test_a_name_of_nothing_on_the_command_line(suite: Suite, pytester: pytest.Pytester) -> None:
    """It is meant for this run."""
    option = ("--global-fixture", "something")
    found = examined(suite, pytester, "tabels", arguments=option, everything=False)
    assert found.error.startswith("--global-fixture: there is no session fixture 'something'.\n")
    assert len(found.notes) == 1


def test_narrower_fixtures(suite: Suite, pytester: pytest.Pytester) -> None:
    found = examined(suite, pytester, "rows", "row", everything=False)
    assert "'rows' cannot be global" in found.error
    assert "It is module-scoped (conftest.py:9)." in found.error
    assert "It is function-scoped (conftest.py:11)." in found.error


def test_a_narrower_fixture_that_overrides_one(suite: Suite, pytester: pytest.Pytester) -> None:
    test_it = "@pytest.fixture\ndef tables(tables): pass\ndef test_it(tables): pass"
    assert examined(suite, pytester, "tables", test_it=test_it) == Findings()


def test_instance_method_of_a_test_class(suite: Suite, pytester: pytest.Pytester) -> None:
    module = """
class TestIt:
    @pytest.fixture(scope="session")
    def method(self): return 1
    def test_it(self): pass
"""
    found = examined(suite, pytester, "method", test_it=module)
    assert "It is an instance method of a test class (test_it.py:6)." in found.error


@pytest.mark.parametrize("name", ["request", "pytestconfig", "worker_id"])
def test_fixtures_about_their_process(suite: Suite, pytester: pytest.Pytester, name: str) -> None:
    found = examined(suite, pytester, name, everything=False)
    assert found.error.startswith(f"global_fixtures: the fixture '{name}' (")
    assert "cannot be global: it is about the process that it is in.\n" in found.error


def test_an_override_of_one_that_cannot_be_global(suite: Suite, pytester: pytest.Pytester) -> None:
    test_it = "@pytest.fixture(scope='session')\ndef worker_id(worker_id): return worker_id"
    found = examined(suite, pytester, "worker_id", test_it=test_it)
    assert "cannot be global: it is about the process that it is in.\n" in found.error


def test_a_guarded_definition_that_is_not_there(suite: Suite, pytester: pytest.Pytester) -> None:
    """It is in another kind of run."""
    guarded = "@pytest.mark.parallel_only\n@pytest.fixture(scope='session')\ndef pool(): pass\n"
    test_it = guarded + "def test_it(): pass"
    assert examined(suite, pytester, "pool", test_it=test_it) == Findings()


def test_where_something_cannot_be_collected(suite: Suite, pytester: pytest.Pytester) -> None:
    """The fixture may be defined there. Collection goes on where it is told to."""
    option = ("--continue-on-collection-errors",)
    found = examined(suite, pytester, "tabels", arguments=option, test_other="def")
    assert found == Findings()


def test_patterns(suite: Suite, pytester: pytest.Pytester) -> None:
    """Narrower fixtures that fit stay as they are: here, "rows" and "row"."""
    assert examined(suite, pytester, "*s", "t?bles: proxy", "[l]abels") == Findings()
    told = examined(suite, pytester, "*s: proxy", "tables", arguments=("-v",))
    assert told == Findings(notes=("global_fixtures: *s is labels, tables",))


def test_a_pattern_that_fits_nothing(suite: Suite, pytester: pytest.Pytester) -> None:
    found = examined(suite, pytester, "wheel_*", "row?")
    assert found.error.splitlines()[::2] == [
        "global_fixtures: there is no session fixture 'wheel_*'.",
        "global_fixtures: there is no session fixture 'row?'.",
    ]
    found = examined(suite, pytester, "wheel_*", arguments=("-v",), everything=False)
    nothing = "global_fixtures: wheel_* is nothing in what was collected"
    assert found == Findings(notes=(nothing,))


def test_a_pattern_that_fits_what_is_refused(suite: Suite, pytester: pytest.Pytester) -> None:
    found = examined(suite, pytester, "worker_*", "tables")
    assert found.error.startswith(
        "global_fixtures: the pattern 'worker_*' fits the fixture 'worker_id' ("
    )
    assert "about the process that it is in.\nWrite a pattern that does not fit it" in found.error


def test_a_pattern_of_guarded_definitions(suite: Suite, pytester: pytest.Pytester) -> None:
    guarded = "@pytest.mark.parallel_only\n@pytest.fixture(scope='session')\ndef pool(): pass\n"
    assert examined(suite, pytester, "po*", test_it=guarded + "def test_it(): pass") == Findings()
