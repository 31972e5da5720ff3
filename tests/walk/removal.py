"""An estate without all that the viewer may not know of, and the words by which that can be told."""

import uuid

from django.db.models import Q

from catalog.models import (
    CatalogImport,
    DataProduct,
    Dataset,
    DatasetEdge,
    DatasetTag,
    DataSource,
    Domain,
    GlossaryTerm,
    Job,
    RunDataset,
    Tag,
)
from catalog.services.search import refresh_search_text
from governance.facts import GRANT_MODELS
from governance.models import AccessRequest
from ingestion.models import Source
from processing.models import Pipeline
from serving.models import ModelVersion, TrainingRun
from storage.models import (
    DataFile,
    IcebergNamespace,
    IcebergTable,
    Movement,
    TieringRun,
    TierPolicy,
)
from tests.walk.estates import LOST, VAULT, VIEWER, Estate, word
from tests.walk.traces import remove_hidden_traces

# Of a dataset: what only those know who may view its metadata.
OF_DESCRIBED = (
    "text", "column", "property", "tag", "contract", "asked", "source", "failure", "pipeline", "step", "place",
    "waiting", "alias", "datasource",
)  # fmt: skip


def hidden_words(estate: Estate) -> set[str]:
    """The words that only what is hidden from the viewer bears."""
    every = set(estate.datasets)
    veiled = every - estate.allowed("view_metadata")
    domains = set(estate.domains) - estate.named_domains()
    return {
        *(word("name", key) for key in every - estate.allowed("discover")),
        *(word(kind, key) for kind in OF_DESCRIBED for key in veiled),
        *(
            word(kind, number)
            for kind in ("sql", "jobowner")
            for number, used in estate.jobs.items()
            if used & veiled
        ),
        *(
            word(kind, name)
            for kind in ("job", "jobspace", "nsowner")
            for name, used in estate.jobs.items()
            if used.isdisjoint(estate.allowed("discover"))
        ),
        word("bare", VAULT),
        *(word(kind, key) for kind in ("domain", "domaintext") for key in domains),
        *(word("term", key) for key in set(estate.terms) - estate.shown_terms()),
        *(word("product", key) for key in set(estate.products) - estate.shown_products()),
    }


def remove_hidden(estate: Estate) -> None:
    """Make the estate one in which nothing is that the viewer may not know of, and what they may not view says other things.

    What runs used stays told of them: a run that also used what is gone is no other run.
    """
    shown = {*estate.allowed("discover"), LOST}
    hidden = {row.pk for key, row in estate.datasets.items() if key not in shown}
    described = {estate.datasets[key].pk for key in estate.allowed("view_metadata")}
    _remove_what_hangs_on(hidden, described)
    _remove_datasets(hidden)
    if not estate.users[VIEWER].is_staff:
        # The staff chooses from all words, on whatever they are.
        _remove_tags(estate)
    approved = {estate.datasets[key].pk for key in estate.allowed("approve")}
    AccessRequest.objects.exclude(requester=estate.users[VIEWER]).exclude(
        dataset__in=approved
    ).delete()
    _remove_vocabulary(estate)
    for key in shown - estate.allowed("view_metadata"):
        _say_other_things(estate, key)
    Dataset.objects.filter(pk=estate.datasets[LOST].pk).update(name=word("other", "lost"))


def _remove_what_hangs_on(hidden: set[int], described: set[int]) -> None:
    """Of what is hidden, all; of what is not described, what only those see who may view or manage it."""
    veiled = Dataset.objects.exclude(pk__in=described)
    Source.objects.filter(dataset__in=veiled).delete()
    Pipeline.objects.filter(
        Q(inputs__in=veiled) | Q(output_datasets__in=veiled)
    ).distinct().delete()
    TrainingRun.objects.filter(version__dataset__in=veiled).delete()
    Pipeline.objects.filter(name=word("bare", VAULT)).delete()
    DataSource.objects.filter(datasets__in=veiled).delete()
    ModelVersion.objects.filter(dataset__in=veiled).delete()
    Movement.objects.filter(table__dataset__in=veiled).delete()
    DataFile.objects.filter(table__dataset__in=veiled).delete()
    TierPolicy.objects.filter(dataset__in=veiled).delete()
    TieringRun.objects.filter(dataset__in=veiled).delete()
    IcebergTable.objects.filter(dataset__in=hidden).delete()
    IcebergNamespace.objects.filter(tables=None).delete()
    CatalogImport.objects.exclude(user__username=f"user-{VIEWER}").delete()


def _remove_datasets(hidden: set[int]) -> None:
    """With the jobs that use nothing else; of the others what is told of them where they use something hidden."""
    uses = list(RunDataset.objects.filter(dataset__in=hidden).select_related("run"))
    remove_hidden_traces(hidden)
    only_hidden = Job.objects.exclude(
        pk__in=DatasetEdge.objects.exclude(dataset__in=hidden).values("job")
    )
    gone = set(only_hidden.values_list("pk", flat=True))
    only_hidden.delete()
    Job.objects.filter(pk__in=DatasetEdge.objects.filter(dataset__in=hidden).values("job")).update(
        facets={}
    )
    Dataset.objects.filter(pk__in=hidden).delete()
    RunDataset.objects.bulk_create([each for each in uses if each.run.job_id not in gone])


def _remove_tags(estate: Estate) -> None:
    """The words that are on nothing that the viewer may view."""
    described = [estate.datasets[key].pk for key in estate.allowed("view_metadata")]
    links = DatasetTag.objects.filter(tag__name__startswith="zq").exclude(dataset__in=described)
    links.exclude(tag__name=word("tag", LOST)).delete()
    Tag.objects.filter(name__startswith="zq").exclude(
        Q(dataset_tags__dataset__in=described) | Q(field_tags__field__dataset__in=described)
    ).exclude(name=word("tag", LOST)).delete()


def _remove_vocabulary(estate: Estate) -> None:
    terms, products = estate.shown_terms(), estate.shown_products()
    DataProduct.objects.filter(
        pk__in=[row.pk for key, row in estate.products.items() if key not in products]
    ).delete()
    GlossaryTerm.objects.filter(
        pk__in=[row.pk for key, (row, _) in estate.terms.items() if key not in terms]
    ).delete()
    kept = [row.pk for row in _domains_granted(estate)]
    for key in sorted(set(estate.domains) - estate.named_domains(), reverse=True):
        Domain.objects.filter(pk=estate.domains[key].pk).exclude(pk__in=kept).delete()


def _domains_granted(estate: Estate) -> list[Domain]:
    """Those on which the viewer holds a grant, which is shown to them, whatever is there."""
    viewer = estate.users[VIEWER]
    return [
        row.content_object
        for model in GRANT_MODELS
        if model._meta.get_field("content_object").related_model is Domain
        for row in model.objects.all()
        if getattr(row, "user", None) == viewer
        or getattr(row, "group", None) in list(viewer.groups.all())
    ]


def _say_other_things(estate: Estate, key: int) -> None:
    row, other = estate.datasets[key], word("other", key)
    Dataset.objects.filter(pk=row.pk).update(description=other, properties={"note": other})
    row.versions.update(schema=[{"name": other}], uuid=uuid.uuid4())
    row.dataset_terms.all().delete()
    row.symlinks.update(name=other)
    row.fields.filter(name=word("column", key)).update(name=other)
    row.contracts.update(document={"id": other, "version": "1"})
    refresh_search_text([row.pk])
