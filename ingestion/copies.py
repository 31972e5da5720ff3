"""What an erasure must know of sources: what they land elsewhere, and what stays where it came from."""

from collections.abc import Collection

from django.db.models import Q

from ingestion.models import Source, SourceKind
from storage.services.erasure.copies import Copies, Remain

_STAYS = {
    SourceKind.KAFKA: "the topic of source `{name}` keeps its records until its own retention",
    SourceKind.FILES: "the files that source `{name}` landed stay where it reads them: remove them there",
    SourceKind.HTTP: "who sent uploads to source `{name}` may have them still",
}


def copies_of(datasets: Collection[int]) -> Copies:
    """The dead letters of the sources that land in these datasets, and where these sources read."""
    found = Copies()
    rows = Source.objects.filter(Q(dataset__in=datasets) | Q(dead_letters__in=datasets))
    for source in rows.select_related("dataset", "dead_letters"):
        landed = [each for each in (source.dataset, source.dead_letters) if each is not None]
        found.datasets |= {each.pk for each in landed}
        text = _STAYS[SourceKind(source.kind)].format(name=source.name)
        found.remains.append(Remain("source", landed[0].node_id, text))
    return found
