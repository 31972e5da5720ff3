"""Suggested labels: recorded from samples, decided by those who manage the dataset, remembered by domain.

Samples are handed in, and are gone when the call ends: only labels, confidences and sentences without values are kept.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Count

from catalog.models import Dataset, DatasetTag, Field, FieldTag
from catalog.models.tag import TagSource
from catalog.services.tags import tag_dataset, tag_field
from core import audit
from core.clock import utc_now
from core.errors import ConflictError, InvalidInputError, NotFoundError
from governance.classify import (
    VERSION,
    Decisions,
    Suggestion,
    classify_field,
    shift_of,
    suggestions_of_media,
)
from governance.classify.words import split_words
from governance.facts import load_facts
from governance.models import Classification, ClassificationState
from governance.policy.types import Action, Principal
from governance.queries import require

MAX_DECISIONS = 500
_MAX_WORDS = 500


@dataclass(frozen=True)
class Samples:
    """What was read to classify a dataset: values by the dotted path of their field, and of objects what describes them."""

    values: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    media: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)


@dataclass(frozen=True)
class _Memory:
    """Decisions of the dataset's domain by (label, words), and by label alone."""

    by_words: Mapping[tuple[str, str], Decisions]
    by_label: Mapping[str, Decisions]

    def shifts(self, words: str) -> dict[str, float]:
        nothing = Decisions()
        return {
            label: shift_of(self.by_words.get((label, words), nothing), decisions)
            for label, decisions in self.by_label.items()
        }

    def has_refused(self, label: str, words: str) -> bool:
        """Whether a field of this name was refused the label here, and none was given it."""
        decisions = self.by_words.get((label, words), Decisions())
        return decisions.rejected > 0 and decisions.accepted == 0


def record_suggestions(
    dataset: Dataset, *, samples: Samples, actor: str = "system"
) -> list[Classification]:
    """Classify the dataset's fields by name, type and samples; return the suggestions that wait for a decision.

    What was decided stays; a suggestion that no longer holds is withdrawn. What a field bears already, and what the
    dataset's domain refused a field of the same name, is not suggested.
    """
    with transaction.atomic():
        locked = Dataset.objects.select_for_update(no_key=True).get(pk=dataset.pk)
        memory = _remember(locked)
        found = [*_of_fields(locked, samples, memory), *_of_media(locked, samples, memory)]
        waiting = _store(locked, found)
        audit.record(
            actor=actor,
            action="classification.suggest",
            resource=locked.node_id,
            payload={"suggested": len(waiting), "detector_version": VERSION},
        )
    return waiting


@transaction.atomic
def decide_classifications(
    dataset: Dataset,
    *,
    by: Principal,
    accept: Collection[UUID | str] = (),
    reject: Collection[UUID | str] = (),
) -> list[Classification]:
    """Put the labels of `accept` (UUIDs) on their fields, and remember those of `reject`; all or nothing.

    Raises PermissionDeniedError or NotFoundError unless `by` manages the dataset, NotFoundError for a suggestion that
    is not of it, ConflictError for one that was decided the other way already.
    """
    require(by, Action.MANAGE, dataset, facts=load_facts(by))
    accepted, rejected = _read_ids(accept), _read_ids(reject)
    wanted = accepted | rejected
    if len(wanted) != len(accept) + len(reject) or not 0 < len(wanted) <= MAX_DECISIONS:
        raise InvalidInputError(f"decide 1 to {MAX_DECISIONS} suggestions, each once")
    rows = (
        Classification.objects.select_for_update(of=("self",))
        .filter(dataset=dataset, uuid__in=wanted)
        .select_related("field__dataset", "dataset")
    )
    found = {row.uuid: row for row in rows}
    if len(found) != len(wanted):
        raise NotFoundError("there is no such suggestion")
    for key, row in found.items():
        _decide(row, by=by, accept=key in accepted)
    return list(found.values())


def _read_ids(ids: Collection[UUID | str]) -> set[UUID]:
    try:
        return {UUID(str(each)) for each in ids}
    except ValueError:
        raise InvalidInputError("a suggestion is named by its UUID") from None


def _decide(row: Classification, *, by: Principal, accept: bool) -> None:
    state = ClassificationState.ACCEPTED if accept else ClassificationState.REJECTED
    if row.state == state:
        return
    if row.state != ClassificationState.SUGGESTED:
        raise ConflictError(f"this suggestion is `{row.state}` already")
    row.state, row.decided_by_id, row.decided_at = state, by.id, utc_now()
    row.save(update_fields=["state", "decided_by", "decided_at"])
    audit.record(
        actor=by.username,
        action=f"classification.{'accept' if accept else 'reject'}",
        resource=row.dataset.node_id,
        payload={"field": row.field.name if row.field else "", "label": row.label},
    )
    if accept and row.field is not None:
        tag_field(row.field, tag=row.label, source=TagSource.CLASSIFIED, actor=by.username)
    elif accept:
        tag_dataset(row.dataset, tag=row.label, source=TagSource.CLASSIFIED, actor=by.username)


def _remember(dataset: Dataset) -> _Memory:
    """What was decided in the dataset's domain; of a dataset without one, what was decided on itself."""
    rows = Classification.objects.exclude(state=ClassificationState.SUGGESTED)
    rows = (
        rows.filter(dataset=dataset)
        if dataset.domain_id is None
        else rows.filter(dataset__domain=dataset.domain_id)
    )
    by_words: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
    by_label: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    counts = rows.values_list("label", "words", "state").annotate(count=Count("pk")).order_by()
    for label, words, state, count in counts:
        place = 0 if state == ClassificationState.ACCEPTED else 1
        by_words[label, words][place] += count
        by_label[label][place] += count
    return _Memory(
        by_words={key: Decisions(*pair) for key, pair in by_words.items()},
        by_label={key: Decisions(*pair) for key, pair in by_label.items()},
    )


def _of_fields(
    dataset: Dataset, samples: Samples, memory: _Memory
) -> Iterable[tuple[Field | None, str, Suggestion]]:
    """(field, words of its name, suggestion) of each present field."""
    tagged = set(
        FieldTag.objects.filter(field__dataset=dataset).values_list("field_id", "tag__name")
    )
    around = [dataset.name.rpartition(".")[2]]
    for row in Field.objects.present().filter(dataset=dataset):
        words = " ".join(split_words(row.name.rpartition(".")[2]))[:_MAX_WORDS]
        suggestions = classify_field(
            row.name,
            row.type,
            samples.values.get(row.name, ()),
            path=around,
            shifts=memory.shifts(words),
        )
        for each in suggestions:
            if (row.pk, each.label) not in tagged and not memory.has_refused(each.label, words):
                yield row, words, each


def _of_media(
    dataset: Dataset, samples: Samples, memory: _Memory
) -> Iterable[tuple[Field | None, str, Suggestion]]:
    """What the objects of the dataset may show: of the dataset as a whole."""
    tagged = set(DatasetTag.objects.filter(dataset=dataset).values_list("tag__name", flat=True))
    best: dict[str, Suggestion] = {}
    for media_type, metadata in samples.media.items():
        for each in suggestions_of_media(media_type, metadata):
            if each.label not in best or best[each.label].confidence < each.confidence:
                best[each.label] = each
    for each in best.values():
        if each.label not in tagged and not memory.has_refused(each.label, ""):
            yield None, "", each


def _store(
    dataset: Dataset, found: Iterable[tuple[Field | None, str, Suggestion]]
) -> list[Classification]:
    """Write what is new or changed, withdraw what no longer holds; return what waits for a decision."""
    known = {
        (row.field_id, row.label): row for row in Classification.objects.filter(dataset=dataset)
    }
    kept: list[Classification] = []
    for field_row, words, suggestion in found:
        row = known.pop((field_row.pk if field_row else None, suggestion.label), None)
        if row is None:
            row = Classification(dataset=dataset, field=field_row, label=suggestion.label)
        elif row.state != ClassificationState.SUGGESTED:
            continue
        row.words, row.confidence = words, suggestion.confidence
        row.evidence, row.detector_version = list(suggestion.evidence), VERSION
        row.suggested_at = utc_now()
        row.save()
        kept.append(row)
    gone = [row.pk for row in known.values() if row.state == ClassificationState.SUGGESTED]
    Classification.objects.filter(pk__in=gone).delete()
    return kept
