"""The generated pages say what the code says."""

import importlib
import pkgutil

import pytest
from django.apps import apps
from django.conf import settings

from api.reference import PAGES, own_metrics
from core.error_codes import list_error_codes
from core.errors import LakewardenError

pytestmark = pytest.mark.django_db
REFERENCE = settings.BASE_DIR / "docs" / "reference"


@pytest.mark.parametrize("name", PAGES)
def test_the_page_is_up_to_date(name):
    assert (REFERENCE / name).read_text() == PAGES[name](), "run `manage.py write_reference`"


def test_each_metric_is_on_its_page():
    page = (REFERENCE / "metrics.md").read_text()
    names = [metric.name for metric, _ in own_metrics()]
    assert len(names) >= 7
    assert [name for name in names if f"`{name}" not in page] == []


def _import_everything() -> None:
    for config in apps.get_app_configs():
        if not str(config.path).startswith(str(settings.BASE_DIR)) or ".venv" in config.path:
            continue
        for module in pkgutil.walk_packages([config.path], f"{config.name}."):
            # What runs inside Spark is a program of its own.
            if ".migrations" not in module.name and ".spark" not in module.name:
                importlib.import_module(module.name)


def test_no_error_class_is_missed():
    before = list_error_codes()
    _import_everything()
    assert list_error_codes() == before


def test_each_code_has_one_class_and_a_meaning():
    codes = list_error_codes()
    names = [each.code for each in codes]
    assert sorted(set(names)) == names
    assert [each.code for each in codes if not each.meaning.endswith(".")] == []
    assert LakewardenError.code in names
