"""Global fixtures that are no functions, but other objects that pytest takes for one."""

from __future__ import annotations

from ..suite import FIXTURE_WORKER, MODES, Suite


@MODES
def test_an_object_that_can_be_called(suite: Suite, mode: tuple[str, ...]) -> None:
    suite.write(
        {
            "conftest.py": """
class Number:
    def __init__(self, number):
        self.number = number
        self.__name__ = f"number_{number}"
    def __call__(self, request):
        request.addfinalizer(lambda: note(f"down {self.number}"))
        note(f"up {self.number}")
        return self.number
five = global_fixture(name="five")(Number(5))
six = global_fixture(name="six")(Number(6))
""",
            "test_it.py": """
def test_argument(five, six): assert (five, six) == (5, 6)
def test_name(request): assert request.getfixturevalue("six") == 6
""",
        }
    )
    result = suite.run(*mode)
    assert result.outcomes == {"passed": 2}
    assert sorted(result.noted()) == ["down 5", "down 6", "up 5", "up 6"]
    assert {note.worker for note in result.notes} == {FIXTURE_WORKER if mode else ""}


@MODES
def test_one_that_fails_is_shown_where_it_stands(suite: Suite, mode: tuple[str, ...]) -> None:
    suite.write(
        {
            "conftest.py": """
class Failing:
    __name__ = "failing"
    def __call__(self): raise ValueError("no")
failing = global_fixture(name="failing")(Failing())
""",
            "test_it.py": "def test_it(failing): pass",
        }
    )
    result = suite.run(*mode)
    assert result.outcomes == {"errors": 1}
    assert result.lines("^conftest.py:7: ValueError$")


@MODES
def test_what_is_built_in_and_made_global_by_configuration(
    suite: Suite, mode: tuple[str, ...]
) -> None:
    suite.write(
        {
            "conftest.py": "cwd = pytest.fixture(scope='session', name='cwd')(os.getcwd)",
            "test_it.py": """
def test_argument(cwd): assert cwd == os.getcwd()
def test_name(request): assert request.getfixturevalue("cwd") == os.getcwd()
""",
        }
    )
    result = suite.run(*mode, "--global-fixture=cwd")
    assert result.outcomes["passed"] == 2
    assert result.code == 0
