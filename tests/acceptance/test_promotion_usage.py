"""Names that cannot be made global end the run with one message and the exit code of usage errors."""

from __future__ import annotations

import pytest

from ..suite import DISTRIBUTED, ONE, Suite, sampled

SERIAL: tuple[str, ...] = ()
UNSERVED = ("-n1",)
MODES = pytest.mark.parametrize(
    "mode", sampled(lambda mode: mode != UNSERVED, [ONE, UNSERVED, SERIAL])
)
BOTH = pytest.mark.parametrize("mode", [ONE, SERIAL], ids=" ".join)
CONFTEST = """
@pytest.fixture(scope="session")
def tables():
    note("tables")
    return "tables"
@pytest.fixture(scope="session")
def labels(): return "labels"
@pytest.fixture(scope="module")
def rows(tables): return "rows"
@pytest.fixture
def row(rows): return "row"
"""
TESTS = """
@pytest.mark.parametrize("i", range(4))
def test_it(tables, row, i): note("test")
class TestIt:
    @pytest.fixture(scope="session")
    def method(self): return 1
"""


def ini(*lines: str, more: str = "") -> str:
    return (
        "[pytest]\npythonpath = .\nglobal_fixtures =\n    " + "\n    ".join(lines) + f"\n{more}\n"
    )


@pytest.fixture
def written(suite: Suite) -> Suite:
    suite.write({"conftest.py": CONFTEST, "tests/test_it.py": TESTS})
    return suite


def message(suite: Suite, mode: tuple[str, ...], *arguments: str) -> str:
    """The one message with which a run ends that must not run anything."""
    result = suite.run(*mode, *arguments)
    assert result.code == 4
    assert result.noted() == []
    assert "INTERNALERROR" not in result.output + result.errors
    assert "Traceback" not in result.output + result.errors
    lines = result.errors.strip().splitlines()
    assert lines[0].startswith("ERROR: "), result.errors
    return "\n".join(lines).removeprefix("ERROR: ")


MISUSES = {
    "tabels": "there is no session fixture 'tabels'. Did you mean tables or labels?\npytest --fixtures lists",
    "labls": "there is no session fixture 'labls'. Did you mean labels",
    "something": "there is no session fixture 'something'.\npytest --fixtures lists",
    "rows": "the fixture 'rows' cannot be global, because a global fixture lives as long as the "
    "test run. It is module-scoped (conftest.py:11).",
    "row": "the fixture 'row' cannot be global, because a global fixture lives as long as the test "
    "run. It is function-scoped (conftest.py:13).",
    "method": "the fixture 'method' cannot be global, because a global fixture lives as long as "
    "the test run. It is an instance method of a test class (tests/test_it.py:8).",
    "tmp_path_factory": "_pytest/tmpdir.py:",
    "pytestconfig": "cannot be global: it is about the process that it is in.\nRemove it there. A "
    "global fixture can depend on it, and each test worker has its own.",
    "request": "the fixture 'request' (of pytest) cannot be global: it is about the process",
    "worker_id": "cannot be global: it is about the process that it is in.",
}
NOT_UNDERSTOOD = {
    "tables: proxy(url)": "'tables: proxy(url)' is not understood.",
    "tables: proxy attrs(url)": "'tables: proxy attrs(url)' is not understood.",
    "tables: writable(url)": "'tables: writable(url)' is not understood.",
    "tables: proxy writable": "'tables: proxy writable' is not understood.",
    "tables: attr(url)": "'tables: attr(url)' is not understood.",
    "tables attrs(url)": "'tables attrs(url)' is not understood.",
    ": attrs(url)": "': attrs(url)' is not understood.",
    "tables: attrs()": "'tables: attrs()' is not right: attrs() without names would share nothing.",
    "tables: attrs(a, a.b)": "'tables: attrs(a, a.b)' is not right: attrs() got 'a', which is the",
    "tables: attrs(a b)": "'tables: attrs(a b)' is not right: attrs('a b'): this cannot be",
}


@pytest.mark.parametrize(
    ("line", "mode"), sampled(lambda _, mode: not mode, MISUSES, [DISTRIBUTED, ("-n2",), SERIAL])
)
def test_misuse_in_the_ini_file(written: Suite, line: str, mode: tuple[str, ...]) -> None:
    written.write({"pytest.ini": ini("labels", line)})
    text = message(written, mode)
    assert text.startswith("global_fixtures: ")
    assert MISUSES[line] in text


@pytest.mark.parametrize("mode", [DISTRIBUTED, ("-n2",), SERIAL], ids=" ".join)
def test_all_names_are_told_at_once(written: Suite, mode: tuple[str, ...]) -> None:
    lines = [line for line in MISUSES if line != "request"]
    written.write({"pytest.ini": ini("labels", *lines)})
    text = message(written, mode, "--global-fixture", "request")
    for line, told in MISUSES.items():
        assert told in text, line
    assert text.count("\n") == 2 * len(MISUSES) - 1
    assert text.count("--global-fixture: ") == 1


@pytest.mark.parametrize(
    ("line", "mode"),
    sampled(
        lambda line, mode: not mode or line in ("tabels", "tables: proxy(url)"),
        ["tabels", "row", "request", "tables: proxy(url)"],
        [ONE, SERIAL],
    ),
)
def test_misuse_on_the_command_line(written: Suite, line: str, mode: tuple[str, ...]) -> None:
    text = message(written, mode, "--global-fixture", line)
    assert text.startswith("--global-fixture: ")
    assert {**MISUSES, **NOT_UNDERSTOOD}[line] in text


@pytest.mark.parametrize(
    ("line", "mode"),
    sampled(lambda line, mode: not mode or line == ": attrs(url)", NOT_UNDERSTOOD, [ONE, SERIAL]),
)
def test_what_is_not_understood(written: Suite, line: str, mode: tuple[str, ...]) -> None:
    written.write({"pytest.ini": ini("labels", line)})
    text = message(written, mode)
    assert text.startswith("global_fixtures: ")
    assert NOT_UNDERSTOOD[line] in text


@BOTH
def test_shown_where_tests_are_only_listed(written: Suite, mode: tuple[str, ...]) -> None:
    written.write({"pytest.ini": ini("tabels")})
    assert "Did you mean tables" in message(written, mode, "--collect-only")


@BOTH
def test_the_list_of_fixtures_can_be_had_all_the_same(
    written: Suite, mode: tuple[str, ...]
) -> None:
    written.write({"pytest.ini": ini("tabels")})
    result = written.run(*mode, "--fixtures")
    assert result.code == 0
    assert result.lines(r"^tables \[session scope\]")


@MODES
def test_what_cannot_be_collected_is_told_instead(written: Suite, mode: tuple[str, ...]) -> None:
    """The fixture may be defined there."""
    written.write({"pytest.ini": ini("tabels"), "tests/test_other.py": "def"})
    result = written.run(*mode)
    assert result.code == (1 if mode else 2)  # as ever, with xdist and without
    assert result.lines("SyntaxError")
    assert "tabels" not in result.output + result.errors


# --- a part of the suite


PARTS = {
    "unit": ("unit",),
    "file": ("unit/test_unit.py",),
    "test": ("unit/test_unit.py::test_it",),
    "ignored": ("--ignore=integration",),
    "ignored-by-pattern": ("--ignore-glob=*integration*",),
}
WHOLES = {
    "nothing": (),
    "root": (".",),
    "folders": ("unit", "integration"),
    "keyword": ("-k", "test_it"),
}


@pytest.fixture
def divided(suite: Suite) -> Suite:
    """A fixture that is made global is defined in a folder of its own."""
    suite.write(
        {
            "unit/conftest.py": CONFTEST,
            "unit/test_unit.py": "def test_it(tables): pass",
            "integration/conftest.py": "@pytest.fixture(scope='session')\ndef server(): note('up')",
            "integration/test_integration.py": "def test_it(server): pass",
        }
    )
    return suite


@pytest.mark.parametrize(
    ("part", "mode"), sampled(lambda part, mode: not mode or part == "test", PARTS, [ONE, SERIAL])
)
def test_a_fixture_that_is_elsewhere(divided: Suite, part: str, mode: tuple[str, ...]) -> None:
    divided.write({"pytest.ini": ini("server")})
    result = divided.run(*mode, *PARTS[part])
    assert (result.code, result.outcomes) == (0, {"passed": 1})
    assert result.lines("global_fixtures") == []


@pytest.mark.parametrize(
    ("part", "mode"),
    sampled(
        lambda part, mode: not mode or (part, mode) == ("unit", ONE),
        ["unit", "ignored"],
        [ONE, UNSERVED, SERIAL],
    ),
)
def test_a_typing_error_is_hinted_at_in_a_part(
    divided: Suite, part: str, mode: tuple[str, ...]
) -> None:
    divided.write({"pytest.ini": ini("tabels", more="filterwarnings = error")})
    result = divided.run(*mode, *PARTS[part])
    assert (result.code, result.outcomes) == (0, {"passed": 1})
    assert result.lines("^global_fixtures: there is no .* collected.$")
    assert result.lines("^  Did you mean tables or labels.$")


TESTPATHS = "testpaths = unit integration"


@pytest.mark.parametrize(
    ("whole", "testpaths", "mode"),
    sampled(
        lambda whole, testpaths, mode: not mode or (whole, testpaths) == ("folders", TESTPATHS),
        WHOLES,
        ["", TESTPATHS],
        [ONE, SERIAL],
    ),
)
def test_a_typing_error_is_an_error_in_the_whole(
    divided: Suite, whole: str, testpaths: str, mode: tuple[str, ...]
) -> None:
    divided.write({"pytest.ini": ini("tabels", more=testpaths)})
    if whole == "folders" and not testpaths:
        result = divided.run(*mode, *WHOLES[whole])  # there may be others
        assert (result.code, result.outcomes) == (0, {"passed": 2})
    else:
        assert "Did you mean tables" in message(divided, mode, *WHOLES[whole])


@MODES
def test_the_command_line_is_always_meant(divided: Suite, mode: tuple[str, ...]) -> None:
    text = message(divided, mode, "--global-fixture", "server", "unit")
    assert "there is no session fixture 'server'" in text


def test_in_a_folder_below(divided: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    divided.write({"pytest.ini": ini("server", more="testpaths = unit integration")})
    monkeypatch.chdir(divided.path / "unit")
    result = divided.run()
    assert (result.code, result.outcomes) == (0, {"passed": 1})


@pytest.mark.parametrize("mode", sampled(lambda mode: not mode, [ONE, SERIAL]))
def test_last_failed(divided: Suite, mode: tuple[str, ...]) -> None:
    """Files without failures are not collected then."""
    divided.write(
        {
            "pytest.ini": ini("server"),
            "integration/conftest.py": "",
            "integration/test_integration.py": """
@pytest.fixture(scope='session')
def server(): note('up')
def test_it(server): pass
""",
            "unit/test_unit.py": "def test_it(tables): assert 0",
        }
    )
    assert divided.run(*mode).outcomes == {"passed": 1, "failed": 1}
    assert divided.run(*mode, "--lf").outcomes == {"failed": 1}
