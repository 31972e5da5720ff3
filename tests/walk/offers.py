"""What an answer must offer, by the oracle: the actions allowed, the rows, the files. No more and no less."""

import json
import re

from tests.walk.answers import Answer
from tests.walk.estates import MINE, Estate
from tests.walk.questions import Question

ACTIONS = ("discover", "view_metadata", "read", "write", "manage", "approve", "administer")
_UUID = re.compile(r"[0-9a-f-]{36}")
REFUSED = (403, 404)


def wrong_offers(question: Question, answer: Answer, estate: Estate) -> list[str]:
    """What the answer to a question about one dataset offers and the oracle does not, or the other way round."""
    key = _dataset_of(question, estate)
    if key is None:
        return []
    may = {action for action in ACTIONS if key in estate.allowed(action)}
    found, wanted = _offered(question.template, answer, may=may, key=key)
    return [] if found == wanted else [f"{question} offers {found}, the oracle {wanted}"]


def _dataset_of(question: Question, estate: Estate) -> int | None:
    if question.template == "iceberg/v1/namespaces/<namespace>/tables/<table>":
        names = {_own_name(row.name): key for key, row in estate.datasets.items()}
        return names.get(question.path.rpartition("/")[2])
    if not question.template.startswith("api/v1/catalog/datasets/<uuid>/"):
        return None
    uuids = {str(row.uuid): key for key, row in estate.datasets.items()}
    match = _UUID.search(question.path)
    return uuids.get(match[0]) if match else None


def _own_name(name: str) -> str:
    return name.rpartition(".")[2]


def _offered(template: str, answer: Answer, *, may: set[str], key: int) -> tuple[object, object]:
    """What is offered, and what should be; equal where the template offers nothing that is known here."""
    if template.endswith("/decisions") and answer.status == 200:
        told = json.loads(answer.body)["decisions"]
        return {each for each in told if told[each]["effect"] == "allow"}, may & set(told)
    if template.endswith("/rows"):
        return answer.status not in REFUSED, "read" in may
    if template.endswith("/files"):
        return answer.status not in REFUSED, bool(may & {"manage", "read"})
    if template.startswith("iceberg/") and answer.status == 200:
        # Of the viewer's own table a policy masks a column.
        return '"read-restrictions"' in answer.body, key == MINE and "read" in may
    return None, None
