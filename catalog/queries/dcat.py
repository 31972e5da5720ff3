"""Datasets as DCAT-AP 3.0 (SEMIC, https://semiceu.github.io/DCAT-AP/releases/3.0.0/), a page at a time."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from django.db.models import QuerySet
from rdflib import DCAT, DCTERMS, FOAF, RDF, SKOS, XSD, Graph, Literal, Namespace, URIRef
from rdflib.term import Node

from catalog.models import Dataset, DatasetOwner

HYDRA = Namespace("http://www.w3.org/ns/hydra/core#")
IANA = Namespace("https://www.iana.org/assignments/media-types/")
TITLE = "Lakewarden"
# Prefixes of both forms; written into the document, so that reading it fetches nothing.
PREFIXES = {
    "dcat": str(DCAT),
    "dct": str(DCTERMS),
    "foaf": str(FOAF),
    "hydra": str(HYDRA),
    "rdf": str(RDF),
    "skos": str(SKOS),
    "xsd": str(XSD),
}


@dataclass(frozen=True)
class DcatPlace:
    """Where things are: the site, and the page of the catalog with the one that follows it."""

    site: str
    page: str
    next_page: str | None


def load_page(rows: QuerySet[Dataset]) -> QuerySet[Dataset]:
    """What a page says of each dataset, in four queries however many there are."""
    return (
        rows.select_related("domain")
        .defer("facets", "facet_stamps", "properties")
        .prefetch_related("owners__user", "owners__group", "dataset_tags__tag")
    )


def graph_of(rows: Sequence[Dataset], *, described: Collection[int], place: DcatPlace) -> Graph:
    """The graph of a page: the catalog, and its datasets; description and keywords of `described` ones only."""
    graph = Graph()
    for prefix, iri in PREFIXES.items():
        graph.bind(prefix, iri, replace=True)
    catalog = URIRef(f"{place.site}/catalog")
    publisher = URIRef(f"{place.site}/#publisher")
    graph.add((catalog, RDF.type, DCAT.Catalog))
    graph.add((catalog, DCTERMS.title, Literal(TITLE)))
    graph.add((catalog, DCTERMS.description, Literal("The datasets that the caller may discover")))
    graph.add((catalog, DCTERMS.publisher, publisher))
    graph.add((publisher, RDF.type, FOAF.Agent))
    graph.add((publisher, FOAF.name, Literal(TITLE)))
    if place.next_page is not None:
        view = URIRef(place.page)
        graph.add((catalog, HYDRA.view, view))
        graph.add((view, RDF.type, HYDRA.PartialCollectionView))
        graph.add((view, HYDRA.next, URIRef(place.next_page)))
    for row in rows:
        dataset = URIRef(f"{place.site}/datasets/{row.uuid}")
        graph.add((catalog, DCAT.dataset, dataset))
        _add_dataset(graph, dataset, row, described=row.pk in described, site=place.site)
    return graph


def _add_dataset(
    graph: Graph, dataset: URIRef, row: Dataset, *, described: bool, site: str
) -> None:
    name = f"{row.namespace}:{row.name}"
    told: list[tuple[Node, Node]] = [
        (RDF.type, DCAT.Dataset),
        (DCTERMS.title, Literal(row.name)),
        # Mandatory in DCAT-AP: the name where nothing is said, or may be seen.
        (DCTERMS.description, Literal((described and row.description) or name)),
        (DCTERMS.identifier, Literal(str(row.uuid))),
        (DCTERMS.issued, Literal(row.created_at.isoformat(), datatype=XSD.dateTime)),
        (DCTERMS.modified, Literal(row.updated_at.isoformat(), datatype=XSD.dateTime)),
        (DCAT.landingPage, dataset),
    ]
    if described:
        told += [(DCAT.keyword, Literal(link.tag.name)) for link in row.dataset_tags.all()]
    graph.add((dataset, RDF.type, FOAF.Document))
    for predicate, value in told:
        graph.add((dataset, predicate, value))
    if row.domain is not None:
        theme = URIRef(f"{site}/domains/{row.domain.slug}")
        scheme = URIRef(f"{site}/domains")
        graph.add((dataset, DCAT.theme, theme))
        graph.add((theme, RDF.type, SKOS.Concept))
        graph.add((theme, SKOS.prefLabel, Literal(row.domain.name)))
        graph.add((theme, SKOS.inScheme, scheme))
        graph.add((scheme, RDF.type, SKOS.ConceptScheme))
        graph.add((scheme, DCTERMS.title, Literal("Domains")))
    for owner in row.owners.all():
        _add_owner(graph, dataset, owner, site=site)
    _add_distribution(graph, dataset, row, site=site)


def _add_owner(graph: Graph, dataset: URIRef, owner: DatasetOwner, *, site: str) -> None:
    kind = "users" if owner.user_id else "groups"
    agent = URIRef(f"{site}/#{kind}-{owner.user_id or owner.group_id}")
    graph.add((dataset, DCTERMS.creator, agent))
    graph.add((agent, RDF.type, FOAF.Agent))
    graph.add((agent, FOAF.name, Literal(str(owner))))


def _add_distribution(graph: Graph, dataset: URIRef, row: Dataset, *, site: str) -> None:
    """The one way to the data that holds for every kind: the governed rows, for who may read them."""
    distribution = URIRef(f"{dataset}#rows")
    rows = URIRef(f"{site}/api/v1/catalog/datasets/{row.uuid}/rows")
    graph.add((dataset, DCAT.distribution, distribution))
    graph.add((distribution, RDF.type, DCAT.Distribution))
    graph.add((distribution, DCAT.accessURL, rows))
    if "/" in row.media_type and " " not in row.media_type:
        graph.add((distribution, DCAT.mediaType, IANA[row.media_type]))
