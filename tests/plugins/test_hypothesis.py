"""hypothesis: examples are tried on one value; the set-up is not repeated for them."""

from __future__ import annotations

from ..suite import ONE_MODES, Suite


@ONE_MODES
def test_given(suite: Suite, mode: tuple[str, ...]) -> None:
    suite.write(
        {
            "conftest.py": """
@global_fixture
def shared():
    note("up")
    yield {"limit": 1000}
    note("down")
""",
            "test_it.py": """
import hypothesis
from hypothesis import given, settings, strategies as st

@settings(max_examples=20, database=None)
@given(number=st.integers(0, 999))
def test_argument(shared, number): assert number < shared["limit"]

class TestIt:
    @settings(max_examples=20, database=None)
    @given(number=st.integers(0, 999))
    def test_method(self, shared, number): assert number < shared["limit"]

@settings(max_examples=20, database=None)
@given(data=st.data())
def test_getfixturevalue(request, data):
    limit = request.getfixturevalue("shared")["limit"]
    assert data.draw(st.integers(0, 999)) < limit

@pytest.mark.xfail(strict=True)
@settings(max_examples=20, database=None)
@given(number=st.integers(1000))
def test_failing(shared, number): assert number < shared["limit"]
""",
        }
    )
    result = suite.run(*mode, "-p", "hypothesispytest", subprocess=True)
    assert result.outcomes == {"passed": 3, "xfailed": 1}
    assert result.noted() == ["up", "down"]
