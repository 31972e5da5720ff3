"""Search for one who may discover a dataset and no more: hidden words match nothing and move nothing."""

import pytest

from catalog.models import Dataset
from catalog.queries.search import matching, search_datasets
from catalog.services.search import refresh_search_text
from tests.factories.catalog import make_dataset

pytestmark = pytest.mark.django_db


@pytest.fixture
def datasets():
    rows = [
        make_dataset("sales.plain"),
        make_dataset("sales.wordy", description="salary salary salary", fields=["salary"]),
    ]
    refresh_search_text([row.pk for row in rows])
    return rows


def names(text, *, described):
    visible = Dataset.objects.live()
    found = matching(text, visible=visible, described=described)
    page = search_datasets(text, found=found, described=described, offset=0, limit=10)
    return [row.name for row in page.rows], [row.snippet for row in page.rows], page.total


def test_hidden_words_match_only_where_the_metadata_may_be_viewed(datasets):
    assert names("salary", described=Dataset.objects.none()) == ([], [], 0)
    found, snippets, total = names("salary", described=Dataset.objects.live())
    assert (found, total) == (["sales.wordy"], 1)
    assert "«salary»" in snippets[0]


def test_hidden_words_do_not_change_the_order(datasets):
    Dataset.objects.filter(name="sales.wordy").update(description="sales sales sales")
    hidden, snippets, _ = names("sales", described=Dataset.objects.none())
    assert hidden == ["sales.plain", "sales.wordy"]
    assert snippets == ["", ""]
    shown, _, _ = names("sales", described=Dataset.objects.live())
    assert shown == ["sales.wordy", "sales.plain"]
