"""Every command of the project: those that answer as a user, as questions of the walk; the others with the reason."""

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

from django.apps import apps
from django.conf import settings
from django.core.management import get_commands

from tests.walk.estates import VAULT, Estate, word
from tests.walk.plants import named_things
from tests.walk.questions import Question

COMMAND = "manage.py "
# Run by who holds the database, in nobody's name; nothing is decided for them.
OPERATORS = {
    "archive_audit": "copies the audit log to the operator's store, and counts records",
    "bootstrap": "makes the first administrator, and answers one word",
    "classify": "samples any dataset, as the service itself does",
    "erase_audit_subject": "asks as an auditor, who reads the whole log",
    "explain": "asks what the kernel answers to somebody: the operator sees more than they",
    "erasure": "asks as an administrator, who sees all",
    "export_audit": "writes the audit log",
    "history": "asks as an auditor, or as who manages the dataset",
    "grant_runtime_role": "gives a role of the database its rights",
    "land": "does a worker's turn",
    "pipeline": "does a worker's turn, and lists all pipelines to the operator",
    "retention": "does a worker's turn, and writes rules as administrators and stewards",
    "reviews": "lists all findings to the operator",
    "reindex": "makes derived rows anew, and counts them",
    "rotate_audit_master_key": "counts keys of the audit log",
    "service_account": "names accounts, no dataset",
    "sweep_events": "counts old events",
    "sweep_orphans": "names files of the operator's store",
    "tier": "does a worker's turn, and tells its cost",
    "webhook": "acts as an administrator, who sees all endpoints",
    "verify_audit": "recomputes the audit log, and counts its records",
    "write_reference": "writes pages of the source",
}
ACTING = (
    "access_request",
    "break_glass",
    "campaign",
    "catalog_export",
    "catalog_import",
    "hold",
    "delegation",
    "lineage",
    "policy",
    "request_rule",
)
_LINES = (
    {"kind": "dataset", "namespace": "$namespace", "name": "$name", "description": "d"},
    {"kind": "tag", "name": "$tag", "description": "d"},
    {"kind": "dataset_tag", "namespace": "$namespace", "dataset": "$name", "tag": "gold"},
)


def our_commands() -> set[str]:
    """The names of the commands that the apps of this project bring."""
    ours = {
        each.name for each in apps.get_app_configs() if Path(each.path).parent == settings.BASE_DIR
    }
    return {name for name, app in get_commands().items() if app in ours}


def command_questions(estate: Estate) -> Iterator[Question]:
    """What is asked as the viewer; for a command that is in no table here this fails."""
    unknown = our_commands() - {*OPERATORS, *ACTING}
    assert not unknown, f"say in ACTING or OPERATORS in whose name {unknown} answers"
    viewer = estate.viewer["username"]
    yield _question("catalog_export", f"--as {viewer}")
    for node in estate.values["node"]:
        yield _question("lineage", f"graph {viewer} '{node}' --depth unlimited")
        yield _question("lineage", f"impact {viewer} '{node}'")
    hidden, mine = named_things(estate, hidden=True), named_things(estate, hidden=False)
    yield _question("lineage", f"path {viewer} '{mine['node']}' '{hidden['node']}'")
    for line in _LINES:
        text = json.dumps(line)
        for name, value in (("namespace", "namespace"), ("name", "dataset name"), ("tag", "tag")):
            text = text.replace(f"${name}", hidden[value])
        yield _question("catalog_import", f"{_file(text)} --as {viewer}")
    document = (
        f"name: fresh\napplies_to: {{domain: {word('domain', VAULT)}}}\neffect: {{deny: read}}\n"
    )
    yield _question("policy", f"apply {_file(document)} --by {viewer}")
    draft = f"changes: [{{put_tag: {{tag: gold, dataset: {hidden['dataset']}}}}}]"
    yield _question("policy", f"simulate {_file(draft)} --by {viewer}")
    yield _question("policy", f"lint --by {viewer}")
    rule = (
        f"name: fresh\napplies_to: {{domain: {word('domain', VAULT)}}}\nstages: [{{by: steward}}]\n"
    )
    yield _question("request_rule", f"apply {_file(rule)} --by {viewer}")
    for verb in ("list", "list --inbox", f"show {hidden['request']}"):
        yield _question("access_request", f"--by {viewer} {verb}")
    for asked in ("ask {} --purpose p --days 1", "invite {}"):
        yield _question("access_request", f"--by {viewer} {asked.format(hidden['dataset'])}")
    yield _question("hold", f"list --all --by {viewer}")
    yield _question("hold", f"place --dataset {hidden['dataset']} --reason r --by {viewer}")
    yield _question("break_glass", f"list --by {viewer}")
    yield _question("campaign", f"--by {viewer} list")
    yield _question("delegation", f"--by {viewer} list")
    for place in ("dataset", "domain"):
        yield _question(
            "delegation", f"--by {viewer} create --days 1 --to user-3 --{place} {hidden[place]}"
        )
    yield _question("campaign", f"--by {viewer} items")
    yield _question("campaign", f"--by {viewer} start c --domain {hidden['domain']}")
    yield _question("break_glass", f"break --dataset {hidden['dataset']} --reason r --by {viewer}")


def _question(command: str, arguments: str) -> Question:
    return Question(f"{COMMAND}{command}", arguments, (), is_api=False)


def _file(text: str) -> str:
    with tempfile.NamedTemporaryFile("w", prefix="walk-", delete=False) as file:
        file.write(text)
    return file.name
