"""The past, rebuilt the slow and obvious way: every entry of every history, one after the other, into plain dictionaries.

Shares no code with `governance.history`; only the kernel's own values and its `decide`.
"""

from dataclasses import dataclass

from django.apps import apps
from django.contrib.auth.models import Permission

from catalog.models import DatasetTag, FieldEdge, FieldTag, Tag
from governance.models import AccessRequest
from governance.policy import decide
from governance.policy.decide import missing
from governance.policy.documents import read_policy
from governance.policy.types import (
    Action,
    Decision,
    DomainInfo,
    Facts,
    FieldInfo,
    Grant,
    Principal,
    Resource,
    Subject,
    Target,
)

TABLES = {
    "dataset": "catalog.DatasetNamespaceNameKindDomainDeletedAtEvent",
    "owner": "catalog.DatasetOwnerEvent",
    "dataset_tag": "catalog.DatasetTagEvent",
    "domain": "catalog.DomainEvent",
    "steward": "catalog.DomainStewardEvent",
    "field": "catalog.FieldEvent",
    "edge": "catalog.FieldEdgeEvent",
    "field_tag": "catalog.FieldTagEvent",
    "tag": "catalog.TagEvent",
    "dataset_user": "governance.DatasetUserGrantEvent",
    "dataset_group": "governance.DatasetGroupGrantEvent",
    "domain_user": "governance.DomainUserGrantEvent",
    "domain_group": "governance.DomainGroupGrantEvent",
    "declassification": "governance.DeclassificationEvent",
    "policy": "governance.PolicyEvent",
    "version": "governance.PolicyVersionEvent",
    "membership": "identity.MembershipEvent",
    "group": "identity.GroupEvent",
    "user": "identity.UserEvent",
}
ACTIONS = {
    "discover": Action.DISCOVER,
    "view": Action.VIEW_METADATA,
    "read": Action.READ,
    "write": Action.WRITE,
    "manage": Action.MANAGE,
    "approve": Action.APPROVE,
}


def event_models():
    return {name: apps.get_model(label) for name, label in TABLES.items()}


@dataclass
class State:
    """The rows of each table at one instant, by key."""

    at: object
    rows: dict


class Replay:
    """All of the history, read once."""

    def __init__(self):
        self.entries = {
            name: list(model.objects.order_by("pgh_id").values())
            for name, model in event_models().items()
        }
        self.permissions = {
            row.pk: (row.content_type.model, row.codename)
            for row in Permission.objects.select_related("content_type")
        }
        self.requests = dict(AccessRequest.objects.values_list("pk", "uuid"))
        self.tags_today = dict(Tag.objects.values_list("pk", "name"))
        self.field_tags_today = list(FieldTag.objects.values("field_id", "tag_id"))
        self.dataset_tags_today = list(DatasetTag.objects.values("dataset_id", "tag_id"))
        self.edges_today = list(FieldEdge.objects.values())

    def at(self, at) -> State:
        rows = {}
        for name, entries in self.entries.items():
            table = rows[name] = {}
            for entry in entries:
                if entry["pgh_created_at"] > at:
                    continue
                if entry["pgh_label"] == "delete":
                    table.pop(entry["pgh_obj_id"], None)
                else:
                    table[entry["pgh_obj_id"]] = entry
        return State(at, rows)

    def decide(self, state, user, dataset, action, *, hindsight, purpose=None) -> Decision:
        """What the kernel says to the rebuilt world."""
        principal = _principal(state, user, purpose)
        row = state.rows["dataset"].get(dataset)
        if row is None or row["deleted_at"] is not None:
            return Decision("deny", (missing(action),))
        facts = Facts(
            now=state.at,
            grants=tuple(self._grants(state)),
            policies=tuple(_policies(state)),
            domains=_domains(state),
        )
        resource = self._resource(state, dataset, row, hindsight=hindsight)
        return decide(principal, action, resource, facts)

    def _grants(self, state):
        for table in ("dataset_user", "dataset_group", "domain_user", "domain_group"):
            for row in state.rows[table].values():
                model, codename = self.permissions[row["permission_id"]]
                if row["expires_at"] is not None and row["expires_at"] <= state.at:
                    continue
                holder = table.rpartition("_")[2]
                yield Grant(
                    id=row["uuid"],
                    subject=Subject(holder, row[f"{holder}_id"]),
                    target=Target(model, row["content_object_id"]),
                    action=ACTIONS[codename.rpartition("_")[0]],
                    row_filter=row["row_filter"] or None,
                    columns=None if row["columns"] is None else frozenset(row["columns"]),
                    purpose=row["purpose"] or None,
                    expires_at=row["expires_at"],
                    request_id=self.requests.get(row["request_id"]),
                )

    def _resource(self, state, dataset, row, *, hindsight):
        fields = [
            each
            for each in state.rows["field"].values()
            if each["dataset_id"] == dataset and each["removed_at"] is None
        ]
        fields.sort(key=lambda each: (each["ordinal"], each["pgh_obj_id"]))
        declared, labels = self._labels(state, hindsight=hindsight)
        columns = []
        for each in fields:
            key = each["pgh_obj_id"]
            columns.append(
                FieldInfo(
                    id=each["field_id"] if each["field_id"] is not None else str(each["uuid"]),
                    name=each["name"],
                    type=each["type"],
                    required=not each["nullable"],
                    tags=frozenset(declared.get(key, set()) | labels.get(key, set())),
                )
            )
        return Resource(
            id=dataset,
            namespace=row["namespace"],
            name=row["name"],
            kind=row["kind"],
            domain_path=tuple(reversed(_chain(state, row["domain_id"]))),
            owners=frozenset(
                _subject(each)
                for each in state.rows["owner"].values()
                if each["dataset_id"] == dataset
            ),
            tags=frozenset(self._dataset_tags(state, dataset, hindsight=hindsight)),
            fields=tuple(columns),
        )

    def _tag(self, state, key):
        row = state.rows["tag"].get(key)
        return row["name"] if row else self.tags_today[key]

    def _dataset_tags(self, state, dataset, *, hindsight):
        rows = self.dataset_tags_today if hindsight else state.rows["dataset_tag"].values()
        return {self._tag(state, row["tag_id"]) for row in rows if row["dataset_id"] == dataset}

    def _labels(self, state, *, hindsight):
        """What each field declares, and what flows to it, pushed along all edges until nothing moves any more."""
        rows = self.field_tags_today if hindsight else state.rows["field_tag"].values()
        declared = {}
        for row in rows:
            declared.setdefault(row["field_id"], set()).add(self._tag(state, row["tag_id"]))
        harmless = {
            (row["source_id"], row["target_id"]) for row in state.rows["declassification"].values()
        }
        edges = [
            (row["source_id"], row["target_id"])
            for row in (self.edges_today if hindsight else state.rows["edge"].values())
            if row["type"] != "INDIRECT"
            and _holds(row, state.at, hindsight=hindsight)
            and (row["source_id"], row["target_id"]) not in harmless
        ]
        flowed = {key: set(tags) for key, tags in declared.items()}
        moving = True
        while moving:
            moving = False
            for source, target in edges:
                fresh = flowed.get(source, set()) - flowed.get(target, set())
                if fresh:
                    flowed.setdefault(target, set()).update(fresh)
                    moving = True
        return declared, flowed


def _holds(row, at, *, hindsight):
    if not hindsight:
        return row["valid_to"] is None
    return row["valid_from"] <= at and (row["valid_to"] is None or row["valid_to"] > at)


def _subject(row):
    return (
        Subject("group", row["group_id"])
        if row["user_id"] is None
        else Subject("user", row["user_id"])
    )


def _principal(state, user, purpose):
    row = state.rows["user"][user]
    groups = {
        each["group_id"] for each in state.rows["membership"].values() if each["user_id"] == user
    }
    return Principal(
        id=user,
        username=row["username"],
        groups=frozenset(groups),
        group_names=frozenset(state.rows["group"][each]["name"] for each in groups),
        attributes=row["attributes"],
        is_superuser=row["is_superuser"],
        is_active=row["is_active"],
        purpose=purpose,
    )


def _policies(state):
    for row in state.rows["version"].values():
        if row["status"] == "published":
            name = state.rows["policy"][row["policy_id"]]["name"]
            yield read_policy(
                row["document"], name=name, policy_id=row["policy_id"], version=row["number"]
            )


def _chain(state, key):
    chain = []
    while key is not None:
        chain.append(key)
        key = state.rows["domain"][key]["parent_id"]
    return chain


def _domains(state):
    return {
        key: DomainInfo(
            id=key,
            path="/".join(
                state.rows["domain"][each]["slug"] for each in reversed(_chain(state, key))
            ),
            parent_id=row["parent_id"],
            stewards=frozenset(
                _subject(each)
                for each in state.rows["steward"].values()
                if each["domain_id"] == key
            ),
        )
        for key, row in state.rows["domain"].items()
    }
