"""pytest-django: each test worker keeps a database of its own; a global fixture may have another."""

from __future__ import annotations

import pytest

from ..suite import FIXTURE_WORKER, MODES, Suite

PLUGIN = ("-p", "django", "--ds=settings")
SETTINGS = """
from pathlib import Path

SECRET_KEY = "not secret"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
INSTALLED_APPS = ["shop"]
FOLDER = Path(__file__).parent
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": FOLDER / "shop.sqlite",
        "TEST": {"NAME": FOLDER / "test_shop.sqlite"},
    }
}
"""
MODELS = """
from django.db import models

class Product(models.Model):
    name = models.CharField(max_length=20)
"""


@pytest.fixture
def project(suite: Suite) -> Suite:
    """A Django project with one model."""
    for name, text in {
        "settings.py": SETTINGS,
        "shop/__init__.py": "",
        "shop/models.py": MODELS,
    }.items():
        path = suite.path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return suite


TESTS = """
from django.db import connection
from shop.models import Product

@pytest.mark.django_db
@pytest.mark.parametrize("i", range(6))
def test_database(service, i):
    note("database " + os.path.basename(connection.settings_dict["NAME"]))
    assert Product.objects.count() == 0
    Product.objects.create(name=service["name"])
    assert Product.objects.get().name == "stock"

def test_without_database(service):
    assert service == {"name": "stock"}
    with pytest.raises(RuntimeError, match="Database access not allowed"):
        Product.objects.count()

def test_client(client, settings, mailoutbox, service):
    assert settings.USE_TZ
    assert mailoutbox == []
"""


@MODES
def test_side_by_side(project: Suite, mode: tuple[str, ...]) -> None:
    project.write(
        {
            "conftest.py": """
@global_fixture
def service():
    note("up")
    yield {"name": "stock"}
    note("down")
""",
            "test_it.py": TESTS,
        }
    )
    result = project.run(*mode, *PLUGIN, subprocess=True)
    assert result.outcomes == {"passed": 8}
    assert result.noted("up", "down") == ["up", "down"]
    assert result.workers("up") == {FIXTURE_WORKER if mode else ""}
    used = {note.worker: note.what for note in result.notes if note.what.startswith("database")}
    suffix = {"gw0": "_gw0", "gw1": "_gw1", "": ""}
    assert used == {
        worker: f"database test_shop.sqlite{suffix[worker]}"
        for worker in (("gw0", "gw1") if mode else ("",))
    }
    assert list(project.path.glob("test_shop*")) == []


@MODES
def test_database_in_a_global_fixture(project: Suite, mode: tuple[str, ...]) -> None:
    """The fixture worker is given a database as any worker is: its own."""
    project.write(
        {
            "conftest.py": """
@global_fixture
def service(django_db_setup, django_db_blocker):
    from django.db import connection
    from shop.models import Product
    with django_db_blocker.unblock():
        note("database " + os.path.basename(connection.settings_dict["NAME"]))
        Product.objects.create(name="stock")
        return {"name": Product.objects.get().name}
""",
            "test_it.py": """
def test_it(service): assert service == {"name": "stock"}

@pytest.mark.django_db
def test_database(): pass  # pytest-django makes the databases that collected tests ask for
""",
        }
    )
    result = project.run(*mode, *PLUGIN, subprocess=True)
    assert result.outcomes == {"passed": 2}
    suffix = f"_{FIXTURE_WORKER}" if mode else ""
    assert result.noted() == [f"database test_shop.sqlite{suffix}"]
    assert list(project.path.glob("test_shop*")) == []


@MODES
def test_django_test_cases(project: Suite, mode: tuple[str, ...]) -> None:
    project.write(
        {
            "conftest.py": """
@global_fixture
def service():
    note("up")
    return {"name": "stock"}
""",
            "test_it.py": """
from django.test import TestCase
from shop.models import Product

@pytest.mark.usefixtures("service")
class ProductTest(TestCase):
    @pytest.fixture(autouse=True)
    def take(self, service): self.service = service
    def test_one(self):
        Product.objects.create(name=self.service["name"])
        self.assertEqual(Product.objects.count(), 1)
    def test_two(self):
        self.assertEqual(Product.objects.count(), 0)
""",
        }
    )
    result = project.run(*mode, *PLUGIN, subprocess=True)
    assert result.outcomes == {"passed": 2}
    assert result.noted() == ["up"]
