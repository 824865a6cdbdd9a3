"""A session fixture of a plugin that is installed as a package, and knows nothing of ours."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from ..suite import FIXTURE_WORKER, NEVER_HANG, ONE_MODES, Suite

MODULE = """
import os
import pytest


class Shop:
    def __init__(self, folder):
        self.folder = folder
        self.log = open(folder / "log", "a")


@pytest.fixture(scope="session")
def shop_folder(tmp_path_factory):
    return tmp_path_factory.mktemp("shop")


@pytest.fixture(scope="session")
def shop(shop_folder):
    shop = Shop(shop_folder)
    print(os.environ.get("PYTEST_XDIST_WORKER", ""), file=shop.log, flush=True)
    yield shop
    shop.log.close()
    (shop_folder / "closed").touch()


@pytest.fixture
def shop_log(shop):
    return (shop.folder / "log").read_text().splitlines()
"""
DIST_INFO = {
    "METADATA": "Metadata-Version: 2.1\nName: pytest-shop\nVersion: 1.0\n",
    "WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    "entry_points.txt": "[pytest11]\nshop = pytest_shop\n",
    "RECORD": "",
}


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """pytest-shop is installed with pip, into a folder that lies on the path."""
    wheel = tmp_path / "pytest_shop-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("pytest_shop.py", MODULE)
        for name, text in DIST_INFO.items():
            archive.writestr(f"pytest_shop-1.0.dist-info/{name}", text)
    target = tmp_path / "site"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps"]
    subprocess.run([*pip, "--target", str(target), str(wheel)], check=True, timeout=NEVER_HANG)
    monkeypatch.setenv("PYTHONPATH", str(target))


@ONE_MODES
@pytest.mark.usefixtures("installed")
def test_installed_plugin(suite: Suite, mode: tuple[str, ...]) -> None:
    suite.write(
        {
            "pytest.ini": "[pytest]\npythonpath = .\nglobal_fixtures = shop: attrs(folder)\n",
            "test_it.py": """
@pytest.mark.parametrize("i", range(4))
def test_argument(shop, shop_log, i):
    assert len(shop_log) == 1  # set up once, for all
    note("set up in " + shop_log[0], folder=str(shop.folder))
def test_name(request): assert request.getfixturevalue("shop_log")
""",
        }
    )
    result = suite.run("-p", "shop", *mode, subprocess=True)
    assert (result.outcomes, result.code) == ({"passed": 5}, 0)
    assert set(result.noted()) == {"set up in " + (FIXTURE_WORKER if mode else "")}
    (folder,) = {str(note.more["folder"]) for note in result.notes}
    assert (Path(folder) / "closed").exists()
    assert result.lines("another value") == []  # no test asks for shop_folder itself
