"""Parameters of classes that stand in the suite, and equal ones of different types."""

from __future__ import annotations

import pytest

from ..suite import ONE, Suite


@pytest.mark.parametrize(
    ("mode", "passed"), [(ONE, 5), (("-k", "not equal"), 2)], ids=["distributed", "serial"]
)
def test_parameters_arrive_as_what_they_are(
    suite: Suite, mode: tuple[str, ...], passed: int
) -> None:
    """Serially, pytest itself takes equal parameters for the same."""
    suite.write(
        {
            "conftest.py": """
@global_fixture
def indirect(request): return request.param.value
@global_fixture(params=[1, True, 1.0])
def equal(request): return request.param
""",
            "sub/test_it.py": """
import enum
class Color(enum.Enum): RED = 1; BLUE = 2
@pytest.mark.parametrize("indirect", list(Color), indirect=True)
def test_class_in_the_test_module(indirect, request):
    assert indirect == request.node.callspec.params["indirect"].value
def test_equal(equal, request):
    assert type(equal) is type(request.node.callspec.params["equal"])
""",
        }
    )
    assert suite.run(*mode).outcomes["passed"] == passed
