"""What is said of a fixture worker that could not start: the place and the remedy, then the user's
own frames, once."""

from __future__ import annotations

import traceback
from pathlib import Path

import pluggy
import pytest
from xdist.plugin import pytest_cmdline_main

from xdist_fixtureworker.controller.start_failures import (
    check_worker_id,
    could_not_start,
    worker_id_is_taken,
)


def traceback_of(tmp_path: Path, source: str) -> str:
    """Of what ``call()`` raises, with frames of pluggy above it."""
    path = tmp_path / "conftest.py"
    path.write_text(source)
    manager = pluggy.PluginManager("it")
    names: dict[str, object] = {"__file__": str(path)}

    class Plugin:
        @pluggy.HookimplMarker("it")
        def run(self) -> None:
            exec(compile(source, str(path), "exec"), names)

    class Spec:
        @pluggy.HookspecMarker("it")
        def run(self) -> None: ...

    manager.add_hookspecs(Spec)
    manager.register(Plugin())
    try:
        manager.hook.run()
    except Exception:
        return traceback.format_exc()
    raise AssertionError("nothing was raised")


def test_the_users_frames_only(tmp_path: Path) -> None:
    text = traceback_of(tmp_path, "def number(id): return int(id[2:])\nnumber('fixtureworker')\n")
    assert "pluggy" in text
    error = "ValueError: invalid literal for int() with base 10: 'xtureworker'"
    # Twice, as pytest raises another exception from that of a conftest.
    again = f"{text}\nThe above exception was the direct cause of the following exception:\n\n"
    again += (
        f'Traceback (most recent call last):\n  File "{pluggy.__file__}", line 3, in f\n    f()\n'
    )
    again += f"ConftestImportFailure: {error}\n"
    for each in (text, again):
        lines = could_not_start(each, tmp_path, "fixtureworker").splitlines()
        assert lines[0] == f"the fixture worker could not start: {error} (conftest.py:1)."
        assert "is_fixture_worker" not in lines[0]
        assert lines[-1] == error
        assert not any("pluggy" in line or "direct cause" in line for line in lines)


def test_an_exception_during_another(tmp_path: Path) -> None:
    source = "try: 1/0\nexcept ZeroDivisionError: raise RuntimeError('no')\n"
    text = could_not_start(traceback_of(tmp_path, source), tmp_path, "fixtureworker")
    assert text.startswith(
        "the fixture worker could not start: RuntimeError: no (conftest.py:2).\n"
    )
    assert "ZeroDivisionError: division by zero" in text


def test_code_that_cannot_be_compiled(tmp_path: Path) -> None:
    text = could_not_start(traceback_of(tmp_path, "eval('1 +')"), tmp_path, "fixtureworker")
    assert "SyntaxError: invalid syntax" in text.splitlines()[0]


@pytest.mark.parametrize(
    "reason", ["its process 7 was killed by signal 9", "", 'Traceback:\n  File "<frozen>", line 1']
)
def test_where_there_are_no_frames_of_the_user(tmp_path: Path, reason: str) -> None:
    text = could_not_start(f"{reason}\n", tmp_path, "fixtureworker")
    assert text == f"the fixture worker could not start.\n{reason}".rstrip()


@pytest.mark.parametrize(
    ("arguments", "free"),
    [
        (("-n2",), True),
        (("-n4",), False),
        (("--dist=each", "--tx=3*popen"), True),
        (("--dist=each", "--tx=4*popen"), False),
        (("--dist=each", "--tx=popen//id=gw3"), False),
        (("--dist=each", "--tx=popen//id=a", "--tx=3*popen"), True),
    ],
)
def test_the_id_is_that_of_no_test_worker(
    pytester: pytest.Pytester, arguments: tuple[str, ...], free: bool
) -> None:
    config = pytester.parseconfig("-o", "fixture_worker_id=gw3", *arguments)
    pytest_cmdline_main(config)  # makes --tx of -n
    if free:
        check_worker_id(config)
        return
    with pytest.raises(pytest.UsageError) as excinfo:
        check_worker_id(config)
    assert str(excinfo.value) == worker_id_is_taken("gw3", 1 if "//id" in arguments[-1] else 4)
