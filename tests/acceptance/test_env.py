"""What a global fixture with ``env=True`` changes is changed in each test worker, as serially."""

from __future__ import annotations

import re

from ..suite import ONE_MODES, Suite

INNER = """
@global_fixture(env=True)
def inner(): os.environ["INNER"] = "1"
@global_fixture
def outer(request): request.getfixturevalue("inner")
"""
SUITES = {
    "parameters": """
@global_fixture(env=True, params=["sqlite", "postgres"])
def db(request):
    os.environ["DB"] = request.param
    return request.param
@global_fixture(env=True, params=["redis", "memory"])
def cache(request):
    os.environ["CACHE"] = request.param
    return request.param
def test_both(db, cache): assert (os.environ["DB"], os.environ["CACHE"]) == (db, cache)
""",
    "parameters, and back": """
@global_fixture(env=True)
def db(request):
    os.environ["DB"] = request.param
@pytest.mark.parametrize("db", ["a"], indirect=True)
def test_1(db): assert os.environ["DB"] == "a"
@pytest.mark.parametrize("db", ["b"], indirect=True)
def test_2(db): assert os.environ["DB"] == "b"
@pytest.mark.parametrize("db", ["a"], indirect=True)
def test_3(db): assert os.environ["DB"] == "a"
""",
    "a dependency alone": """
@global_fixture(env=True)
def tools(): os.environ["TOOLS"] = "tools"
@global_fixture(env=True)
def driver(tools): os.environ["TOOLS"] += ":driver"
def test_1(driver): assert os.environ["TOOLS"] == "tools:driver"
def test_2(tools): assert os.environ["TOOLS"] == "tools:driver"
def test_3(driver): assert os.environ["TOOLS"] == "tools:driver"
""",
    "the same value again": """
@global_fixture(env=True)
def a(): os.environ["MODE"] = "on"
@global_fixture(env=True)
def b(a): os.environ["MODE"] = "off"
@global_fixture(env=True)
def c(b): os.environ["MODE"] = "on"
@global_fixture
def d(c): return os.environ["MODE"]
def test_it(d): assert os.environ["MODE"] == d == "on"
""",
    "within each other": """
@global_fixture(env=True)
def c(): os.environ["MODE"] = "c"
@global_fixture(env=True)
def b(request):
    os.environ["MODE"] = "b"
    request.getfixturevalue("c")
    os.environ["B"] = "b"
@global_fixture
def a(request): request.getfixturevalue("b")
def test_a(a): assert (os.environ["MODE"], os.environ["B"]) == ("c", "b")
def test_b(b): assert (os.environ["MODE"], os.environ["B"]) == ("c", "b")
def test_c(c): assert os.environ["MODE"] == "c"
""",
    "a test for itself": """
@global_fixture(env=True)
def a(): os.environ["MODE"] = "a"
@global_fixture(env=True)
def b(): os.environ["B"] = "b"
def test_it(a, monkeypatch, request):
    monkeypatch.setenv("MODE", "of a test")
    request.getfixturevalue("b")
    assert (os.environ["MODE"], os.environ["B"]) == ("of a test", "b")
def test_then(a): assert os.environ["MODE"] == "a"
""",
    "another one asks for it, and is asked for": INNER
    + 'def test_a(outer): assert os.environ["INNER"] == "1"',
    "another one asks for it, and it is asked for itself": INNER
    + 'def test_b(inner): assert os.environ["INNER"] == "1"',
    "another one asks for it, and both are asked for": INNER
    + 'def test_a(outer): assert os.environ["INNER"] == "1"\n'
    + 'def test_b(inner): assert os.environ["INNER"] == "1"',
}
WITHOUT_PARAMETERS = [
    *("a dependency alone", "the same value again", "within each other"),
    *(name for name in SUITES if name.startswith("another one asks for it")),
]


def by_name(text: str) -> str:
    """With the fixtures of tests fetched by ``getfixturevalue()``, where they have no parameters."""
    lines = []
    for line in text.splitlines():
        name, _, rest = line.partition("(")
        fixtures, _, body = rest.partition("): ")
        if name.startswith("def test_") and body:
            values = ", ".join(f"request.getfixturevalue('{one}')" for one in fixtures.split(", "))
            line = f"{name}(request):\n    {fixtures.replace(' ', '')}, = {values},\n    {body}"
        lines.append(line)
    return "\n".join(lines)


def modules() -> dict[str, str]:
    """One module for each suite, some by name as well, all with environment variables of their own."""
    texts = {**SUITES, **{f"{name}, by name": by_name(SUITES[name]) for name in WITHOUT_PARAMETERS}}
    modules = {}
    for number, (name, text) in enumerate(texts.items()):
        for variable in set(re.findall(r'environ\["(\w+)"\]', text)):
            text = text.replace(f'"{variable}"', f'"{variable}_{number}"')
        modules["test_" + re.sub(r"\W+", "_", name) + ".py"] = text
    return modules


@ONE_MODES
def test_as_in_a_serial_run(suite: Suite, mode: tuple[str, ...]) -> None:
    suite.write(modules())
    result = suite.run(*mode)
    assert set(result.outcomes) == {"passed"}
    assert not result.lines("in os.environ of the")  # what is replayed is nothing to tell


def test_asked_for_in_another_order_than_set_up(suite: Suite) -> None:
    """In a worker that has none of it yet, the others' order of set-up counts."""
    suite.write(
        {
            "conftest.py": """
@global_fixture(env=True)
def a(): os.environ["ORDER"] = os.environ.get("ORDER", "") + "a"
@global_fixture(env=True)
def b(a): os.environ["ORDER"] += "b"
""",
            "test_it.py": """
import time
class TestX:
    def test_1(self, b): open("set up", "w")
class TestY:
    def test_2(self):
        while not os.path.exists("set up"): time.sleep(0.01)
    def test_3(self, b): assert os.environ["ORDER"] == "ab"
    def test_4(self, a, b): assert os.environ["ORDER"] == "ab"
""",
        }
    )
    result = suite.run_distributed("--dist=loadscope")
    assert result.outcomes == {"passed": 4}
