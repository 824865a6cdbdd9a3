"""Parameters of classes that stand in the suite, and equal ones of different types."""

from __future__ import annotations

import pytest

from ..suite import ONE, Suite


@pytest.mark.parametrize(
    ("mode", "passed"), [(ONE, 11), (("-k", "not equal"), 8)], ids=["distributed", "serial"]
)
def test_parameters_arrive_as_what_they_are(
    suite: Suite, mode: tuple[str, ...], passed: int
) -> None:
    """Serially, pytest itself takes equal parameters for the same."""
    suite.write(
        {
            "sentinels.py": """
class _Unset: pass
UNSET = _Unset()
MISSING = object()
""",
            "conftest.py": """
from sentinels import MISSING, UNSET
@global_fixture
def names(request):
    note("names")
    return [request.param is UNSET, request.param is MISSING, {"unset": UNSET, "missing": MISSING}]
@global_fixture
def echo(request): return {"it": request.param}
@global_fixture
def indirect(request): return request.param.value
@global_fixture(params=[1, True, 1.0])
def equal(request): return request.param
""",
            "sub/test_it.py": """
import enum
from sentinels import MISSING, UNSET
@pytest.mark.parametrize("names", [UNSET, MISSING], indirect=True)
def test_the_very_object(names, request):
    param = request.node.callspec.params["names"]
    assert names[:2] == [param is UNSET, param is MISSING]
    assert names[2]["unset"] is UNSET and names[2]["missing"] is MISSING
@pytest.mark.parametrize("names", [MISSING, UNSET], indirect=True)
def test_the_very_object_again(names, request): assert names[1] is (request.node.callspec.params["names"] is MISSING)
OWN = object()
class Field:
    UNSET = object()
@pytest.mark.parametrize("echo", [OWN, Field.UNSET], indirect=True)
def test_of_the_test_module(echo, request):
    assert echo["it"] is request.node.callspec.params["echo"]
class Color(enum.Enum): RED = 1; BLUE = 2
@pytest.mark.parametrize("indirect", list(Color), indirect=True)
def test_class_in_the_test_module(indirect, request):
    assert indirect == request.node.callspec.params["indirect"].value
def test_equal(equal, request):
    assert type(equal) is type(request.node.callspec.params["equal"])
""",
        }
    )
    result = suite.run(*mode)
    assert result.outcomes["passed"] == passed
    assert len(result.noted()) == 2 or mode != ONE  # serially, in the order of the tests
