"""Steward, analyst and outsider walk through the pages and the admin in a real Chromium."""

from datetime import timedelta

import pyarrow as pa
import pytest
from django.urls import reverse
from selenium.webdriver.common.by import By

from catalog.models import Dataset, DatasetEdge
from catalog.services.tags import tag_field
from core.clock import utc_now
from governance.models import DatasetUserGrant
from storage.services.files import sync_table_files
from storage.services.namespaces import create_namespace
from storage.tables.catalog import LakewardenCatalog
from tests.factories.catalog import make_dataset, make_job
from tests.factories.governance import make_grant, make_mask, make_world
from tests.factories.storage import make_tiers

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


ROWS = pa.table(
    {
        "name": ["Ann Ames", "Bob Bell", "Cy Cole"],
        "email": ["ann@a.example", "bob@b.example", "cy@c.example"],
        "origin": ["EWR", "JFK", "EWR"],
        "fare": [99.5, 120.0, 80.25],
    }
)


@pytest.fixture
def table(world, object_buckets, unique):
    """A real table on the object store, in the steward's domain."""
    make_tiers()
    place = create_namespace(levels=(unique,), properties={"lakewarden.domain": world.sales.slug})
    catalog = LakewardenCatalog()
    catalog.owner = world.owner
    catalog.create_table((*place.levels, "passengers"), ROWS.schema).append(ROWS)
    dataset = Dataset.objects.get(name=f"{unique}.passengers")
    sync_table_files(dataset.iceberg_table)
    tag_field(dataset.fields.get(name="email"), tag="pii.email")
    make_grant(world.analyst, dataset, "view_metadata")
    return dataset


def test_rows_open_filtered_and_masked_and_close_again(walker, world, table):
    url = reverse("web:dataset", args=[table.uuid])
    walker.sign_in("analyst")
    walker.open(reverse("web:request-new", args=[table.uuid]))
    walker.type("id_purpose", "why flights of EWR are late")
    walker.type("id_row_filter", "origin = 'EWR'")
    for name in ("name", "email", "origin"):
        walker.driver.find_element(By.CSS_SELECTOR, f"input[value={name}]").click()
    walker.press("Send the request")
    walker.sign_in("steward")
    walker.open(reverse("web:inbox"))
    walker.press("Approve")

    walker.sign_in("analyst")
    walker.open(url)
    walker.shoot("dataset-sample")
    header, *rows = walker.sample()
    assert header == ["name", "email\nmasked: show-last-4", "origin"]
    assert sorted(rows) == [
        ["Ann Ames", "xxx@x.xxxmple", "EWR"],
        ["Cy Cole", "xx@x.xxxmple", "EWR"],
    ]
    assert "Not opened to you: fare." in walker.text
    assert "policy `mask-emails` masks `email`" in walker.text.lower()

    walker.sign_in("owner")
    walker.open(url)
    assert len(walker.sample()) == 4

    grant = DatasetUserGrant.objects.get(request__isnull=False)
    DatasetUserGrant.objects.filter(pk=grant.pk).update(expires_at=utc_now() - timedelta(seconds=1))
    walker.sign_in("analyst")
    walker.open(url)
    assert "You may not read this data." in walker.text
    assert walker.driver.find_elements(By.ID, "sample") == []


@pytest.fixture
def world():
    world = make_world()
    make_mask("pii.email", "show-last-4", name="mask-emails")
    job = make_job("clean-passengers")
    topic = make_dataset(
        "passengers", namespace="kafka://broker:9092", kind="topic", domain=world.sales
    )
    raw = make_dataset("raw.passengers", domain=world.sales)
    landing = make_job("land-passengers")
    for dataset, by, direction in (
        (topic, landing, "input"),
        (raw, landing, "output"),
        (raw, job, "input"),
        (world.passengers, job, "output"),
    ):
        DatasetEdge.objects.create(dataset=dataset, job=by, direction=direction)
    return world


def test_an_analyst_asks_and_a_steward_approves_in_the_inbox(walker, world):
    walker.sign_in("analyst")
    assert walker.driver.current_url.endswith(reverse("web:home"))
    walker.shoot("home-analyst")
    walker.type("q", "passengers")
    walker.press("Search")
    assert "1 dataset that you may know of" in walker.text
    walker.shoot("search")
    walker.press("curated.passengers")
    assert "You may not read this data." in walker.text
    walker.shoot("dataset-refused")
    walker.press("Request access")
    walker.type("id_purpose", "why flights of EWR are late")
    walker.type("id_row_filter", "origin = 'EWR'")
    walker.shoot("request-form")
    walker.press("Send the request")
    assert "pending" in walker.text
    walker.shoot("my-requests")

    walker.sign_in("steward")
    walker.open(reverse("web:inbox"))
    assert "pii.email" in walker.text
    walker.shoot("inbox")
    walker.press("Approve")
    assert "The request of analyst is approved by you." in walker.text
    grant = DatasetUserGrant.objects.get(request__isnull=False)
    assert (grant.user, grant.row_filter) == (world.analyst, "origin = 'EWR'")

    DatasetUserGrant.objects.filter(pk=grant.pk).update(expires_at=utc_now() - timedelta(seconds=1))
    walker.sign_in("analyst")
    walker.open(reverse("web:dataset", args=[world.passengers.uuid]))
    assert "You may not read this data." in walker.text


def test_a_steward_approves_in_the_admin(walker, world):
    walker.sign_in("analyst")
    walker.open(reverse("web:request-new", args=[world.passengers.uuid]))
    walker.type("id_purpose", "a study")
    walker.press("Send the request")
    walker.sign_in("steward")
    walker.open(reverse("admin:index"))
    walker.shoot("admin-index")
    walker.open(reverse("admin:governance_accessrequest_changelist"))
    walker.shoot("admin-requests")
    walker.press("lakewarden:curated.passengers")
    walker.shoot("admin-request")
    before = walker.driver.find_element(By.TAG_NAME, "html")
    walker.driver.find_element(By.CSS_SELECTOR, "button[name$=approve_now]").click()
    walker.wait(before)
    assert "The request of analyst is approved." in walker.page
    walker.open(reverse("admin:catalog_dataset_changelist"))
    assert "hr.salaries" not in walker.page
    walker.shoot("admin-datasets")
    walker.press("curated.passengers")
    walker.shoot("admin-dataset")
    walker.open(reverse("admin:governance_policyversion_add"))
    walker.shoot("admin-policy-add")


def test_lineage_has_a_picture_and_the_same_in_words(walker, world):
    walker.sign_in("steward")
    walker.open(reverse("web:lineage", args=[world.passengers.uuid]))
    shown = [each.text for each in walker.driver.find_elements(By.CSS_SELECTOR, "svg g")]
    assert len(shown) == 3
    walker.press("2")
    assert len(walker.driver.find_elements(By.CSS_SELECTOR, "svg g")) == 5
    assert "land-passengers" in walker.text
    walker.shoot("lineage")


def test_an_outsider_finds_nothing(walker, world):
    walker.sign_in("outsider")
    walker.open(reverse("web:search") + "?q=passengers")
    assert "0 datasets that you may know of" in walker.text
    walker.open(reverse("web:dataset", args=[world.passengers.uuid]))
    assert "Not found" in walker.text
    walker.shoot("not-found")
    walker.open(reverse("admin:index"))
    assert "Not allowed" in walker.text
    walker.open(reverse("web:tokens"))
    walker.type("id_name", "notebook")
    walker.press("Make the token")
    assert "lkw_" in walker.driver.find_element(By.ID, "token-text").text
    walker.shoot("tokens")


def test_a_superuser_reads_the_audit_log(walker, world):
    walker.sign_in("root")
    walker.open(reverse("web:audit"))
    assert "policy.publish" in walker.text
    walker.shoot("audit")
    walker.open(reverse("admin:index"))
    walker.shoot("admin-index-root")
