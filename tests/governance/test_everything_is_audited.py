"""Every service that people reach and that writes or hands out data leads to the audit log: read off the code itself.

The call graph is by name, from each public function of the services to `core.audit.record` or one of the recorders
of decisions and exports. A new service that records nothing fails here until it does, or is listed with its reason.
"""

import ast
from pathlib import Path

import pytest

from tests.factories.audit import audited_by, payload_of
from tests.factories.catalog import make_dataset
from tests.factories.identity import api_client, make_user

ROOT = Path(__file__).resolve().parents[2]
APPS = (
    "core",
    "identity",
    "catalog",
    "governance",
    "storage",
    "query",
    "ingestion",
    "processing",
    "serving",
)
DOORS = ("api", "web")
RECORDERS = {
    "core.audit.record",
    "governance.services.audit.record_decision",
    "governance.services.audit.record_export",
}
# Reached from pages, the API or a command without a record of their own, and why that is right.
SILENT = {
    "catalog.services.bulk.imports.begin_import": "each chunk of the import is recorded as it commits",
    "catalog.services.bulk.streams.parsed_chunks": "parses",
    "catalog.services.contracts.contract_in_force": "reads",
    "catalog.services.contracts.find_drift": "reads",
    "catalog.services.datasets.find_dataset": "reads",
    "catalog.services.events.make_event_partitions": "makes tables ahead of time, which hold nothing",
    "catalog.services.glossary.lock_term": "reads",
    "catalog.services.search.refresh_search_text": "brings up to date what is derived",
    "governance.services.audit_subjects.is_auditor": "reads",
    "governance.services.erasures.visible_erasures": "reads",
    "governance.services.audit_subjects.outdated_subjects": "reads",
    "governance.services.grants.describe": "reads",
    "governance.services.grants.require_other_owner": "checks",
    "governance.services.policies.check_policy": "reads",
    "governance.services.simulations.require_simulator": "checks",
    "identity.services.second_factor.has_second_factor": "reads",
    "identity.services.second_factor.new_secret": "computes",
    "identity.services.second_factor.provisioning_uri": "computes",
    "identity.services.service_accounts.find_account": "reads",
    "serving.services.inference.load_session": "fills a cache",
    "storage.services.audit_archive.archive_audit": "a record of each copy of the log would be copied in turn",
    "storage.services.namespaces.domain_of": "reads",
    "storage.services.retention.retained_datasets": "reads",
    "storage.services.tables.get_table": "reads",
    "storage.services.tables.stage_table": "writes nothing",
}
# These write, and leave the record to who calls them: no door may do so without one.
LEFT_TO_THE_DOOR = {
    "identity.services.sessions.end_access",
    "identity.services.tokens.authenticate_token",
    "identity.services.tokens.issue_token",
    "identity.services.tokens.revoke_token",
}
# Each request would be a record: that a token is used is on the token.
OF_EACH_REQUEST = {"identity.services.tokens.authenticate_token"}


def modules(*folders):
    for folder in folders:
        for file in sorted((ROOT / folder).rglob("*.py")):
            if "migrations" not in file.parts:
                name = ".".join(file.relative_to(ROOT).with_suffix("").parts)
                yield name.removesuffix(".__init__"), ast.parse(file.read_text())


class Graph:
    """Which functions and classes name which others."""

    def __init__(self):
        self.imports, self.defined, self.named = {}, {}, {}
        for module, tree in modules(*APPS, *DOORS):
            self._read(module, tree)
        for name, (module, node) in self.defined.items():
            self.named[name] = {self.resolve(each) for each in self._names(module, node)}

    def _read(self, module, tree):
        self.imports[module] = {
            alias.asname or alias.name: f"{node.module}.{alias.name}"
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and node.module and not node.level
            for alias in node.names
        }
        for node in tree.body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                self.defined[f"{module}.{node.name}"] = (module, node)

    def _names(self, module, node):
        found = self.imports[module]
        for each in ast.walk(node):
            if isinstance(each, ast.Name):
                yield found.get(each.id, f"{module}.{each.id}")
            elif (
                isinstance(each, ast.Attribute)
                and isinstance(each.value, ast.Name)
                and each.value.id in found
            ):
                yield f"{found[each.value.id]}.{each.attr}"

    def resolve(self, name):
        """Through what a package hands on, such as `catalog.services`."""
        while name not in self.defined:
            module, _, last = name.rpartition(".")
            if last not in self.imports.get(module, {}):
                return name
            name = self.imports[module][last]
        return name

    def leading_to(self, targets):
        found, before = set(targets), 0
        while len(found) != before:
            before = len(found)
            found |= {name for name, named in self.named.items() if named & found}
        return found


@pytest.fixture(scope="module")
def graph():
    return Graph()


def reached_services(graph):
    """Public functions of the services that pages, the API and commands name."""
    doors = [name for name in graph.defined if is_door(name)]
    named = set().union(*(graph.named[name] for name in doors))
    return {
        name
        for name in named & set(graph.defined)
        if ".services" in name and isinstance(graph.defined[name][1], ast.FunctionDef)
    }


def is_door(name):
    return name.startswith(("api.", "web.")) or ".management." in name


def test_what_people_reach_is_recorded(graph):
    silent = reached_services(graph) - graph.leading_to(RECORDERS)
    assert sorted(silent - LEFT_TO_THE_DOOR) == sorted(SILENT)


def test_what_is_left_to_the_door_is_recorded_there(graph):
    audited = graph.leading_to(RECORDERS)
    doors = {
        name
        for name in graph.defined
        if is_door(name) and graph.named[name] & (LEFT_TO_THE_DOOR - OF_EACH_REQUEST)
    }
    assert doors - audited == set()
    assert len(doors) >= 3


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("path", "form", "resource"),
    [
        ("export", "ndjson", "catalog"),
        ("dcat", "dcat-jsonld", "catalog"),
        ("dcat?format=nt", "dcat-nt", "catalog"),
        ("datasets/{uuid}/contract", "odcs", "{node}"),
    ],
)
def test_each_export_of_the_catalog_is_recorded(path, form, resource):
    owner = make_user("ann")
    dataset = make_dataset(fields=["a"], owners=[owner])
    url = f"/api/v1/catalog/{path.format(uuid=dataset.uuid)}"
    assert api_client(owner).get(url).status_code == 200
    record = audited_by("ann").get(action="catalog.export")
    assert record.resource == resource.format(node=dataset.node_id)
    assert payload_of(record)["form"] == form
