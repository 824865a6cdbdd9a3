"""Global fixtures that are no functions, but other objects that pytest takes for one."""

from __future__ import annotations

from ..suite import FIXTURE_WORKER, ONE_MODES, Suite


@ONE_MODES
def test_objects_that_can_be_called(suite: Suite, mode: tuple[str, ...]) -> None:
    suite.write(
        {
            "conftest.py": """
class Failing:
    __name__ = "failing"
    def __call__(self): raise ValueError("no")
failing = global_fixture(name="failing")(Failing())

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

cwd = pytest.fixture(scope="session", name="cwd")(os.getcwd)  # global by configuration

def _make():
    note("made")
    return object.__name__
shared = global_fixture(name="shared")(_make)
private = pytest.fixture(name="private")(_make)
""",
            "test_it.py": """
def test_failing(failing): pass

def test_argument(five, six): assert (five, six) == (5, 6)
def test_name(request): assert request.getfixturevalue("six") == 6

def test_built_in_argument(cwd): assert cwd == os.getcwd()
def test_built_in_name(request): assert request.getfixturevalue("cwd") == os.getcwd()

@pytest.mark.parametrize("i", range(3))
def test_one_function_for_two_fixtures(shared, private, i): assert shared == private == "object"
""",
        }
    )
    result = suite.run(*mode, "--global-fixture=cwd")
    assert {name: result.outcomes[name] for name in ("passed", "errors")} == {
        "passed": 7,
        "errors": 1,
    }
    assert result.lines("^conftest.py:7: ValueError$")
    assert sorted(result.noted("up 5", "up 6", "down 5", "down 6")) == [
        "down 5",
        "down 6",
        "up 5",
        "up 6",
    ]
    in_fixture_worker = {note.what for note in result.notes if note.worker == FIXTURE_WORKER}
    assert in_fixture_worker == ({"up 5", "up 6", "down 5", "down 6", "made"} if mode else set())
    made = [note.worker == FIXTURE_WORKER for note in result.notes if note.what == "made"]
    assert sorted(made) == [False] * 3 + [bool(mode)]
