"""How the files of a suite lie, and which of them are named on the command line."""

from __future__ import annotations

import pytest

from ..suite import ONE, Suite

ROOT = "tests/sub/test_it.py::test_root"  # its fixture is in a conftest that is cut off
#: How the files lie, and what is named on the command line.
LAYOUTS = [
    ("directory", ("tests/sub/test_it.py::test_it",)),
    ("package", ("--rootdir=.", "--confcutdir=tests/sub", "tests/sub", "--deselect", ROOT)),
    ("directory", ("tests/sub/checks.py", "tests/sub/test_it.py")),
]
MORE_LAYOUTS = [
    ("package", ("--pyargs", "tests.sub.test_it")),
    ("package", ("--rootdir=tests", "tests/sub")),
    ("directory", ("tests",)),
    ("directory", ("--rootdir=tests", "tests/sub")),
    ("directory", ("--confcutdir=tests", "tests")),
    ("package", ("tests",)),
    ("package", ("tests/sub/test_it.py::test_it",)),
    ("package", ("--confcutdir=tests", "tests")),
    ("directory", ("--rootdir=.", "--confcutdir=tests/sub", "tests/sub", "--deselect", ROOT)),
    ("package", ("tests/sub/checks.py", "tests/sub/test_it.py")),
]


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [*LAYOUTS, *(pytest.param(*one, marks=pytest.mark.full) for one in MORE_LAYOUTS)],
)
def test_layouts(suite: Suite, kind: str, arguments: tuple[str, ...]) -> None:
    if kind == "package":
        suite.write({"tests/__init__.py": "", "tests/sub/__init__.py": ""})
    suite.write(
        {
            "tests/conftest.py": "@global_fixture\ndef a(): return 'a'",
            "tests/sub/conftest.py": "@global_fixture\ndef b(): return 'b'",
            "tests/sub/test_it.py": "@global_fixture\ndef c(b): return b + 'c'\n"
            "def test_it(c): assert c == 'bc'\ndef test_root(a): assert a == 'a'",
            "tests/sub/checks.py": "@global_fixture\ndef c(b): return b + 'c'\n"
            "def test_explicit(c): assert c == 'bc'",
        }
    )
    result = suite.run(*ONE, "-p", "no:cacheprovider", *arguments)
    assert result.code == 0
    assert set(result.outcomes) <= {"passed", "deselected"}


@pytest.mark.parametrize("root", [True, False], ids=["root", "directory"])
def test_symbolic_links(suite: Suite, root: bool) -> None:
    suite.write(
        {
            "real/tests/conftest.py": "@global_fixture\ndef it(): return 1",
            "real/tests/test_it.py": "@global_fixture\ndef own(it): return it\n"
            "def test_it(own): assert own == 1",
        }
    )
    if root:
        (suite.path / "link").symlink_to("real")
        result = suite.run(*ONE, "--rootdir=link", "link/tests")
    else:
        (suite.path / "link").symlink_to("real/tests")
        result = suite.run(*ONE, "link")
    assert result.outcomes == {"passed": 1}
