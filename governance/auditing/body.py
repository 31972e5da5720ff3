"""The bytes that a leaf commits to, and what they say: written once, read for ever. No I/O.

Version 1 (records from before names were encrypted) has `actor`, `resource` and `payload` in plain text. Version 2 has
pseudonyms, and `sealed`: AES-256-GCM of actor, resource and payload under the keys of all `subjects`. A record without
a subject has its `payload` in plain text.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from governance.auditing.keys import SubjectKey, open_content, seal_content
from governance.auditing.subjects import USER_RESOURCE, Subject

VERSION = 2


@dataclass(frozen=True, slots=True)
class Told:
    """What a record says to who may read it. `payload` is None where a subject's key was erased."""

    actor: str
    resource: str
    payload: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Written:
    """Committed bytes with the copies that the log is searched by."""

    actor: str
    resource: str
    body: bytes


def write_body(
    *,
    at: datetime,
    actor: str,
    action: str,
    resource: str,
    payload: Mapping[str, Any],
    subjects: Mapping[str, Subject],
) -> Written:
    """The canonical bytes of one record (JSON, keys sorted, UTF-8)."""
    shown_actor, shown_resource = _renamed(actor, subjects), resource
    if resource.startswith(USER_RESOURCE):
        shown_resource = USER_RESOURCE + _renamed(resource[len(USER_RESOURCE) :], subjects)
    members: dict[str, Any] = {
        "v": VERSION,
        "at": at.isoformat(),
        "actor": shown_actor,
        "action": action,
        "resource": shown_resource,
        "subjects": [each.pseudonym for each in subjects.values()],
    }
    if subjects:
        content = orjson.dumps(
            {"actor": actor, "resource": resource, "payload": payload},
            option=orjson.OPT_SORT_KEYS,
        )
        sealed = seal_content(content, [each.key for each in subjects.values()])
        members["sealed"] = base64.b64encode(sealed).decode()
    else:
        members["payload"] = payload
    return Written(shown_actor, shown_resource, orjson.dumps(members, option=orjson.OPT_SORT_KEYS))


def subjects_in(body: Mapping[str, Any]) -> list[str]:
    """The pseudonyms whose keys a parsed body needs."""
    return list(body.get("subjects", ()))


def read_body(body: Mapping[str, Any], known: Mapping[str, SubjectKey]) -> Told:
    """What a parsed body says, as far as the keys in `known` open it. Raises ValueError where it was changed."""
    if "sealed" not in body:
        return Told(body["actor"], body["resource"], body["payload"])
    names = subjects_in(body)
    if any(name not in known for name in names):
        resource = body["resource"]
        if resource.startswith(USER_RESOURCE):
            resource = USER_RESOURCE + _named(resource[len(USER_RESOURCE) :], known)
        return Told(_named(body["actor"], known), resource, None)
    sealed = base64.b64decode(body["sealed"])
    content = orjson.loads(open_content(sealed, [known[name].key for name in names]))
    return Told(content["actor"], content["resource"], content["payload"])


def _renamed(name: str, subjects: Mapping[str, Subject]) -> str:
    subject = subjects.get(name)
    return name if subject is None else subject.pseudonym


def _named(pseudonym: str, known: Mapping[str, SubjectKey]) -> str:
    subject = known.get(pseudonym)
    return pseudonym if subject is None else subject.name
