"""What the ini settings may be."""

from __future__ import annotations

import pytest

from xdist_fixtureworker import settings
from xdist_fixtureworker.settings import timeout


@pytest.mark.parametrize(
    ("text", "seconds"), [("", None), ("0", None), ("60", 60.0), (" 2.5 ", 2.5), ("1e2", 100.0)]
)
def test_seconds(pytester: pytest.Pytester, text: str, seconds: float | None) -> None:
    config = pytester.parseconfig("-o", f"fixture_worker_timeout={text}")
    assert timeout(config) == seconds


@pytest.mark.parametrize("text", ["60", "2.5"])
@pytest.mark.parametrize("table", ["tool.pytest.ini_options", "tool.pytest"])
def test_a_number_in_toml(pytester: pytest.Pytester, table: str, text: str) -> None:
    if table == "tool.pytest" and pytest.version_tuple < (9,):
        pytest.skip("before pytest 9, there was no such table")
    pytester.makepyprojecttoml(f"[{table}]\nfixture_worker_timeout = {text}")
    assert timeout(pytester.parseconfig()) == float(text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [("soon", "'soon'"), ("-1", "-1"), ("nan", "nan"), ("inf", "inf"), ("1 s", "'1 s'")],
)
def test_what_is_no_number_of_seconds(pytester: pytest.Pytester, text: str, shown: str) -> None:
    config = pytester.parseconfig("-o", f"fixture_worker_timeout={text}")
    with pytest.raises(pytest.UsageError) as excinfo:
        timeout(config)
    setting = "the ini setting fixture_worker_timeout"
    assert str(excinfo.value) == settings.bad_timeout(setting, shown)


@pytest.mark.parametrize(("text", "seconds"), [("2.5", 2.5), ("0", None)])
def test_the_option_overrules_the_setting(
    pytester: pytest.Pytester, text: str, seconds: float | None
) -> None:
    config = pytester.parseconfig(
        *("--fixture-worker-timeout", text, "-o", "fixture_worker_timeout=60"),
        *("--fixture-worker-strays=kill", "-o", "fixture_worker_strays=ignore"),
    )
    assert timeout(config) == seconds
    assert settings.treatment_of_strays(config) == "kill"


@pytest.mark.parametrize("text", ["-1", "nan", "inf"])
def test_what_is_no_limit(pytester: pytest.Pytester, text: str) -> None:
    config = pytester.parseconfig(f"--fixture-worker-timeout={text}")
    with pytest.raises(pytest.UsageError) as excinfo:
        timeout(config)
    assert str(excinfo.value) == settings.bad_timeout("--fixture-worker-timeout", text)


@pytest.mark.parametrize("option", ["--fixture-worker-timeout=soon", "--fixture-worker-strays=end"])
def test_what_no_option_can_be(pytester: pytest.Pytester, option: str) -> None:
    with pytest.raises(pytest.UsageError, match=f"{option.partition('=')[0]}: invalid"):
        pytester.parseconfig(option)


@pytest.mark.parametrize("text", ["gw99", "fixtureworker", " gw7 ", "a.b-c_d"])
def test_worker_id(pytester: pytest.Pytester, text: str) -> None:
    config = pytester.parseconfig("-o", f"fixture_worker_id={text}")
    assert settings.worker_id(config) == text.strip()


@pytest.mark.parametrize("text", ["", "g w", "popen//id", "master", "ä"])
def test_what_cannot_be_a_worker_id(pytester: pytest.Pytester, text: str) -> None:
    config = pytester.parseconfig("-o", f"fixture_worker_id={text}")
    with pytest.raises(pytest.UsageError) as excinfo:
        settings.worker_id(config)
    assert str(excinfo.value) == settings.bad_worker_id(text)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("1 MB", 1_000_000),
        ("1.5kb", 1500),
        ("2 GB", 2_000_000_000),
        ("4096", 4096),
        (" 7 B ", 7),
        ("0", None),
        ("off", None),
        ("Off", None),
    ],
)
def test_sizes(pytester: pytest.Pytester, text: str, size: int | None) -> None:
    config = pytester.parseconfig("-o", f"fixture_worker_mapped_from={text}")
    assert settings.mapped_from(config) == size


@pytest.mark.parametrize("text", ["", "large", "-1", "1 TB", "1 M", "1e6", "\u0661", "9" * 400])
def test_what_is_no_size(pytester: pytest.Pytester, text: str) -> None:
    config = pytester.parseconfig("-o", f"fixture_worker_mapped_from={text}")
    with pytest.raises(pytest.UsageError) as excinfo:
        settings.mapped_from(config)
    assert str(excinfo.value) == settings.bad_size("fixture_worker_mapped_from", text)
