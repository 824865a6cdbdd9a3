"""pytest-randomly: any order of the tests; what is set up first is finalized last all the same."""

from __future__ import annotations

import pytest

from ..suite import DISTRIBUTED, Suite, sampled


@pytest.mark.parametrize(
    ("seed", "mode"), sampled(lambda seed, _: seed == "1", "123", [DISTRIBUTED, ()])
)
def test_any_order(suite: Suite, seed: str, mode: tuple[str, ...]) -> None:
    suite.write(
        {
            "conftest.py": """
import random

@global_fixture
def one():
    note("one up")
    yield random.random()
    note("one down")
@global_fixture(params=["a", "b"])
def two(one, request):
    note("two up " + request.param)
    yield one
    note("two down " + request.param)
""",
            "test_a.py": "@pytest.mark.parametrize('i', range(4))\n"
            "def test_it(two, one, i):\n    note('test')\n    assert two == one",
            "test_b.py": "@pytest.mark.parametrize('i', range(4))\n"
            "def test_it(one, i):\n    note('test')",
        }
    )
    result = suite.run(*mode, "-p", "randomly", f"--randomly-seed={seed}")
    assert result.outcomes == {"passed": 12}
    assert result.lines(f"Using --randomly-seed={seed}")
    noted = result.noted()
    assert len(noted) == 12 + 6
    for name in ("two up a", "two up b"):
        assert noted.index("one up") < noted.index(name)
    assert noted[-1] == "one down"


def test_the_same_seed_in_the_fixture_worker(suite: Suite) -> None:
    """Whichever test asks first: the seed is reset before each set-up, as before each test."""
    suite.write(
        {
            "conftest.py": "import random\n@global_fixture\ndef shared():\n    return random.random()",
            "test_it.py": """
@pytest.mark.parametrize("i", range(6))
def test_it(shared, i): note(str(shared))
""",
        }
    )
    values = set()
    for _ in range(2):
        result = suite.run_distributed("-p", "randomly", "--randomly-seed=7")
        assert result.outcomes == {"passed": 6}
        values |= set(result.noted())
    assert len(values) == 1
