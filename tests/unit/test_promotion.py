"""What ``global_fixtures`` and ``--global-fixture`` say, and whether a run is about all tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from xdist_fixtureworker.declared.attributes import Attributes, Proxied
from xdist_fixtureworker.declared.promotion import (
    Promotion,
    promotion_of,
    promotions,
    read_promotions,
)
from xdist_fixtureworker.rules.promotable import collects_everything


def configured(pytester: pytest.Pytester, lines: str, *arguments: str) -> list[Promotion]:
    pytester.makeini(f"[pytest]\nglobal_fixtures =\n{lines}\n")
    config = pytester.parseconfig(*arguments)
    assert promotions(config) == {}
    assert read_promotions(config) is promotions(config)
    assert all(name == promotion.name for name, promotion in promotions(config).items())
    return list(promotions(config).values())


def test_nothing(pytester: pytest.Pytester) -> None:
    assert configured(pytester, "") == []


@pytest.mark.parametrize(
    "line", ["tables", "tables: copy", "  tables  ", "tables :copy", "tables:"]
)
def test_a_name(pytester: pytest.Pytester, line: str) -> None:
    assert configured(pytester, f"    {line}") == [Promotion("tables", None, "global_fixtures")]


@pytest.mark.parametrize(
    "line",
    [
        "web: attrs(url, config.port)",
        "web:attrs(url,config.port)",
        "web : attrs ( url , config.port, )",
        "web: attrs(\"url\", 'config.port')",  # as in Python
    ],
)
def test_attributes(pytester: pytest.Pytester, line: str) -> None:
    shared = Attributes(("url", "config.port"))
    assert configured(pytester, f"    {line}") == [Promotion("web", shared, "global_fixtures")]


@pytest.mark.parametrize(
    "line",
    [
        "web: attrs(url(), port(80, 'a, (b'), ['a'][\"b\"], [1]) env",
        "web: attrs(url(),port(80,'a, (b'), \"['a']['b']\", '[1]'), env",
        "web: env attrs(\"url()\", \"port(80, 'a, (b')\", ['a'] ['b'], [ 1 ],)",
    ],
)
def test_calls_and_items(pytester: pytest.Pytester, line: str) -> None:
    shared = Attributes(("url()", "port(80, 'a, (b')", "['a']['b']", "[1]"))
    (found,) = configured(pytester, f"    {line}")
    assert found == Promotion("web", shared, "global_fixtures", env=True)


@pytest.mark.parametrize(
    ("line", "share", "env"),
    [
        ("web: env", None, True),
        ("web: eager", None, None),
        ("web: proxy, eager", Proxied(), None),
        ("web: lane(network) copy", None, None),
        ("web: eager env attrs(url)", Attributes(("url",)), True),
        ("web: env()", None, False),
        ("web: env(A)", None, ("A",)),
        ("web: copy env( A, 'B' )", None, ("A", "B")),
        ("web: attrs(url) env", Attributes(("url",)), True),
        ("web:env(A),attrs(url)", Attributes(("url",)), ("A",)),
        ("web: proxy", Proxied(), None),
        ("web: env proxy writable(mode, 'level')", Proxied(("mode", "level")), True),
    ],
)
def test_variables(
    pytester: pytest.Pytester, line: str, share: Attributes | None, env: object
) -> None:
    (found,) = configured(pytester, f"    {line}")
    assert (found.share, found.env) == (share, env)
    assert found.eager is ("eager" in line)
    assert found.lane == ("network" if "lane" in line else "")


def test_marks(pytester: pytest.Pytester) -> None:
    line = "web: attrs(url) marks(a, timeout(900, method='signal'), b(\"ignore: (x, y\")) env"
    (found,) = configured(pytester, f"    {line}")
    assert (found.share, found.env) == (Attributes(("url",)), True)
    assert [(mark.name, mark.args, mark.kwargs) for mark in found.marks] == [
        ("a", (), {}),
        ("timeout", (900,), {"method": "signal"}),
        ("b", ("ignore: (x, y",), {}),
    ]


@pytest.mark.parametrize("ways", ["marks", "marks()", "marks(1)", "marks(a.b)", "marks(a(b))"])
def test_no_marks(pytester: pytest.Pytester, ways: str) -> None:
    with pytest.raises(pytest.UsageError, match="is not understood"):
        configured(pytester, f"    web: {ways}")


@pytest.mark.parametrize(
    "ways",
    [
        "env env",
        "env(",
        "env(A",
        "environ",
        "copy attrs(a)",
        "copy(a)",
        "eager(1)",
        "lane",
        "lane()",
        "lane(x, y)",
        "a b",
        ": env",
    ],
)
def test_what_is_not_understood(pytester: pytest.Pytester, ways: str) -> None:
    with pytest.raises(pytest.UsageError, match="is not understood"):
        configured(pytester, f"    web: {ways}")


def test_lines_and_comments(pytester: pytest.Pytester) -> None:
    lines = "    # a comment\n    tables\n\n    labels"
    assert [found.name for found in configured(pytester, lines)] == ["tables", "labels"]


def test_a_list_in_toml(pytester: pytest.Pytester) -> None:
    pytester.makepyprojecttoml(
        '[tool.pytest.ini_options]\nglobal_fixtures = ["tables", "web: attrs(url, host)"]\n'
    )
    assert list(read_promotions(pytester.parseconfig())) == ["tables", "web"]


def test_the_last_line_wins(pytester: pytest.Pytester) -> None:
    (found,) = configured(pytester, "    web\n    web: attrs(url)")
    assert found.share == Attributes(("url",))


def test_the_command_line_wins(pytester: pytest.Pytester) -> None:
    arguments = ("--global-fixture", "tables", "--global-fixture=web:attrs(host)")
    found = configured(pytester, "    web: attrs(url)\n    labels", *arguments)
    assert found == [
        Promotion("web", Attributes(("host",)), "--global-fixture"),
        Promotion("labels", None, "global_fixtures"),
        Promotion("tables", None, "--global-fixture"),
    ]


def test_patterns(pytester: pytest.Pytester) -> None:
    """A name wins over patterns, the last of several patterns over the others."""
    pytester.makeini(
        "[pytest]\nglobal_fixtures =\n    web_a\n    web_*: env\n    web_b*: proxy\n    [xy]?: env\n"
    )
    config = pytester.parseconfig("--global-fixture", "web_*: attrs(url)")
    read_promotions(config)
    of = {
        name: found.name if (found := promotion_of(name, config)) else None
        for name in ("web_a", "web_c", "web_bc", "web", "my_web_a", "WEB_C", "x1", "x", "[xy]?")
    }
    assert of.pop("[xy]?") == "[xy]?"
    assert of == {
        "web_a": "web_a",
        "web_c": "web_*",
        "web_bc": "web_*",
        "web": None,
        "my_web_a": None,
        "WEB_C": None,
        "x1": "[xy]?",
        "x": None,
    }
    found = promotion_of("web_c", config)
    assert found == Promotion("web_*", Attributes(("url",)), "--global-fixture")


@pytest.mark.parametrize(
    ("testpaths", "arguments", "everything"),
    [
        ("", (), True),
        ("", (".",), True),
        ("", ("{root}",), True),
        ("", ("unit",), False),
        ("", ("unit", "more"), False),
        ("", ("unit/test_it.py",), False),
        ("", ("--ignore=unit",), False),
        ("", ("--ignore-glob=un*",), False),
        ("", ("--lf",), False),
        ("", ("--noconftest",), False),
        ("", ("-k", "it"), True),
        ("unit more", (), True),
        ("unit more", (".",), True),
        ("unit more", ("unit",), False),
        ("unit more", ("unit", "more"), True),
        ("unit", ("unit",), True),
        ("unit", ("unit/below", "unit/test_it.py"), False),
        ("u*", ("unit",), True),
        ("*", ("unit",), False),
        ("{root}/unit", ("unit",), True),
        ("{root}/unit", ("more",), False),
    ],
)
def test_whether_a_run_is_about_everything(
    pytester: pytest.Pytester, testpaths: str, arguments: tuple[str, ...], everything: bool
) -> None:
    root = pytester.path
    for folder in ("unit/below", "more"):
        Path(root / folder).mkdir(parents=True)
    Path(root / "unit/test_it.py").touch()
    pytester.makeini(f"[pytest]\ntestpaths = {testpaths.format(root=root)}\n")
    config = pytester.parseconfig(*(argument.format(root=root) for argument in arguments))
    assert collects_everything(config) is everything
