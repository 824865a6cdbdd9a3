"""pytest-mock: what a set-up patches is patched in the fixture worker, and put back there."""

from __future__ import annotations

from ..suite import ONE, ONE_MODES, Suite


@ONE_MODES
def test_session_mocker_in_a_global_fixture(suite: Suite, mode: tuple[str, ...]) -> None:
    suite.write(
        {
            "library.py": "def ask(): return 'the server'",
            "conftest.py": """
import library

@pytest.fixture(scope="session")
def original():
    yield
    note(library.ask())

@global_fixture
def answer(original, session_mocker):
    session_mocker.patch("library.ask", return_value="a mock")
    return library.ask()
""",
            "test_it.py": """
import library

@pytest.mark.parametrize("i", range(3))
def test_it(answer, mocker, i):
    assert answer == "a mock"
    mocker.patch("library.ask", return_value=i)
    assert library.ask() == i
""",
        }
    )
    result = suite.run(*mode, "-p", "pytest_mock")
    assert result.outcomes == {"passed": 3}
    assert result.noted() == ["the server"]


def test_mock_as_a_value(suite: Suite) -> None:
    """Pickle refuses mocks; the error says so."""
    suite.write(
        {
            "conftest.py": "@global_fixture\ndef mock(session_mocker): return session_mocker.Mock()",
            "test_it.py": "def test_it(mock): pass",
        }
    )
    result = suite.run(*ONE, "-p", "pytest_mock")
    assert result.outcomes == {"errors": 1}
    assert result.lines("^an unittest.mock.Mock cannot be sent to the test workers: the value of")
    assert result.lines("make it where the tests run")
