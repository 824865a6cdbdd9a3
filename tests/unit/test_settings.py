"""What the ini settings may be."""

from __future__ import annotations

import pytest

from xdist_fixtureworker import errors
from xdist_fixtureworker.settings import timeout


@pytest.mark.parametrize(
    ("text", "seconds"), [("", None), ("0", None), ("60", 60.0), (" 2.5 ", 2.5), ("1e2", 100.0)]
)
def test_seconds(pytester: pytest.Pytester, text: str, seconds: float | None) -> None:
    config = pytester.parseconfig("-o", f"fixture_worker_timeout={text}")
    assert timeout(config) == seconds


@pytest.mark.parametrize("text", ["soon", "-1", "nan", "inf", "1 s"])
def test_what_is_no_number_of_seconds(pytester: pytest.Pytester, text: str) -> None:
    config = pytester.parseconfig("-o", f"fixture_worker_timeout={text}")
    with pytest.raises(pytest.UsageError) as excinfo:
        timeout(config)
    assert str(excinfo.value) == errors.bad_timeout("fixture_worker_timeout", text)
