"""The rows of an estate: people, datasets, rights, lineage, and the vocabulary."""

import random
from datetime import timedelta

from catalog.models import Dataset, DatasetVersion, FieldEdge, GlossaryTerm
from catalog.services.contracts import put_contract
from catalog.services.glossary import create_term, link_dataset
from catalog.services.products import add_port, create_product
from catalog.services.search import refresh_search_text
from core.clock import utc_now
from governance.models import RequestState
from governance.policy.types import Action
from governance.services.grants import create_grant
from tests.factories.catalog import make_dataset, make_domain
from tests.factories.governance import make_policy, make_request
from tests.factories.identity import make_group, make_user
from tests.walk.estates import (
    DESCRIBED,
    GROUPS,
    HOME,
    JOBS,
    LOST,
    MINE,
    NOTICED,
    SECRET,
    SECRET_MODEL,
    USERS,
    VAULT,
    VIEWER,
    Estate,
    word,
)
from tests.walk.traces import make_fixed_jobs, record_job


def make_people(estate: Estate, *, is_steward: bool) -> None:
    estate.groups = {key: make_group(f"group-{key}") for key in range(GROUPS)}
    for key in range(USERS):
        groups = [
            estate.groups[each] for each in (estate.viewer["groups"] if key == VIEWER else [])
        ]
        staff = is_steward and key == VIEWER
        estate.users[key] = make_user(f"user-{key}", groups=groups, is_staff=staff)
    for key, given in estate.plain["domains"].items():
        estate.domains[key] = make_domain(
            given["path"].rpartition("/")[2],
            parent=estate.domains.get(given["parent"]),
            description=word("domaintext", key),
            stewards=[estate.users[each] for _, each in given["stewards"]],
        )


def make_datasets(estate: Estate) -> None:
    for given in estate.plain["datasets"]:
        key = given["id"]
        row = make_dataset(
            given["name"],
            namespace=given["namespace"],
            kind=given["kind"],
            domain=estate.domains.get(given["domain"]),
            description=f"text {word('text', key)}",
            properties={"note": word("property", key)},
            owners=[estate.users[each] for _, each in given["owners"]],
            tags=given["tags"],
            fields=[(each["name"], each["type"], each["tags"]) for each in given["fields"]],
        )
        row.current_version = DatasetVersion.objects.create(
            dataset=row, number=1, schema=[{"name": each["name"]} for each in given["fields"]]
        )
        row.save(update_fields=["current_version"])
        estate.datasets[key] = row


def make_rights(estate: Estate) -> None:
    subjects = {"user": estate.users, "group": estate.groups}
    targets = {"dataset": estate.datasets, "domain": estate.domains}
    for given in estate.plain["grants"]:
        kind, key = given["subject"]
        on, target = given["target"]
        create_grant(
            actor="system",
            granted_by=None,
            subject=subjects[kind][key],
            target=targets[on][target],
            action=Action(given["action"]),
        )
    for key in (MINE, SECRET, DESCRIBED, NOTICED):
        estate.grants[key] = create_grant(
            actor="system",
            granted_by=None,
            subject=estate.users[3],
            target=estate.datasets[key],
            action=Action.DISCOVER,
        )
    for place, given in enumerate(estate.plain["policies"]):
        right, actions = given["effect"]
        make_policy(
            {
                "name": word("policy", place),
                "applies_to": given["scope"],
                "subjects": {"groups": given["subjects"]["groups"]},
                "effect": {right: actions},
            }
        )


def make_lineage(estate: Estate, dice: random.Random) -> None:
    """Jobs that read one or two datasets and write one, with facets; every third tells of no input."""
    for number in range(JOBS):
        chosen = dice.sample(_told_of(estate), 3)
        reads, write = chosen[: dice.randrange(1, 3)], chosen[2]
        alone = number % 3 == 0
        target = estate.datasets[write]
        estate.jobs[number] = {write} if alone else {*reads, write}
        record_job(
            number, reads=[] if alone else [estate.datasets[key] for key in reads], write=target
        )
        for each in reads:
            _derive(estate.datasets[each], target)
    make_fixed_jobs(estate)
    refresh_search_text([row.pk for row in estate.datasets.values()])


def _derive(source: Dataset, target: Dataset) -> None:
    ends = [row.fields.get(name="flow") for row in (source, target)]
    FieldEdge.objects.get_or_create(source=ends[0], target=ends[1], valid_to=None)


def make_vocabulary(estate: Estate, dice: random.Random) -> None:
    """Terms and products in every domain, contracts, and requests: the viewer's and another's."""
    for number, domain in estate.domains.items():
        term = create_term(domain=domain, name=word("term", number), actor="system")
        product = create_product(domain=domain, name=word("product", number), actor="system")
        pool = [SECRET, SECRET_MODEL] if number == VAULT else _told_of(estate)
        bearers = dice.sample(pool, 2)
        for key in bearers:
            row = estate.datasets[key]
            link_dataset(row, term=term, actor="system")
            add_port(product, dataset=row, direction="output", actor="system")
        estate.terms[number], estate.products[number] = (term, set(bearers)), product
    if not estate.users[VIEWER].is_staff:
        # In the admin a term cannot be deleted while another stands below, and that is told, though not by its name.
        hidden = GlossaryTerm.objects.filter(pk=estate.terms[VAULT][0].pk)
        hidden.update(parent=estate.terms[HOME][0])
    _make_contracts(estate)
    _make_requests(estate)


def _make_contracts(estate: Estate) -> None:
    for key in sorted(estate.datasets)[::2]:
        put_contract(
            estate.datasets[key],
            document={"id": word("contract", key), "version": "1"},
            source="{}",
            media_type="application/json",
            actor="system",
        )


def _make_requests(estate: Estate) -> None:
    for key in sorted(estate.allowed("discover"))[:3]:
        make_request(estate.users[VIEWER], estate.datasets[key], purpose=word("mine", key))
    for key in (MINE, SECRET, DESCRIBED):
        make_request(estate.users[3], estate.datasets[key], purpose=word("waiting", key))
    everywhere = [(estate.users[2], key, "asked") for key in estate.datasets]
    for requester, key, purpose in ((estate.users[VIEWER], LOST, "mine"), *everywhere):
        estate.datasets[key].access_requests.create(
            requester=requester,
            purpose=word(purpose, key),
            duration=timedelta(days=7),
            state=RequestState.DENIED,
            decided_at=utc_now(),
        )


def _told_of(estate: Estate) -> list[int]:
    """All but the one that the viewer once knew: it stays, by another name, when what is hidden is removed."""
    return sorted(set(estate.datasets) - {LOST})
