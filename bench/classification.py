"""Which fields hold personal data: precision and recall on a labelled set, beside Presidio on the same set.

The set is `bench/_labelled_fields.py`: the part `held`, which no detector was changed for. Presidio (with spaCy's small English model) runs
in an environment of its own, since it pins other versions: `LAKEWARDEN_BENCH_PRESIDIO` is its Python; without it there is no peer.
It is asked as its own structured analysis asks: each value on its own, and the label that most values bear, if at least half do.
"""

import json
import os
import subprocess
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from bench._labelled_fields import LabelledField, labelled_fields
from bench.figures import Figure, figure
from governance.classify import classify_field

PEER = "presidio-analyzer"
PEER_SCRIPT = Path(__file__).parent / "_presidio.py"
PEER_VALUES = 10
QUICK_FIELDS = 120
PEER_LABELS: Mapping[str, str] = {
    "EMAIL_ADDRESS": "pii.email",
    "PHONE_NUMBER": "pii.phone",
    "CREDIT_CARD": "pii.card",
    "IBAN_CODE": "pii.iban",
    "IP_ADDRESS": "pii.ip",
    "PERSON": "pii.name",
    "LOCATION": "pii.address",
    "DATE_TIME": "pii.birthdate",
}

Answers = Sequence[frozenset[str]]


def run(*, quick: bool) -> list[Figure]:
    """Precision, recall and F1 a label, their means, and the time a field takes."""
    fields = labelled_fields("held")
    fields = fields[:QUICK_FIELDS] if quick else fields
    started = time.process_time()
    ours = [_ask_ours(each) for each in fields]
    spent = 1000 * (time.process_time() - started) / len(fields)
    told = _ask_peer(fields)
    theirs, peer_ms = told or (None, None)
    labels = sorted({each.label for each in fields if each.label})
    found = _figures(fields, ours, theirs, labels)
    peer = {"peer": PEER, "peer_samples": [peer_ms]} if peer_ms else {}
    note = f"{len(fields)} fields of 12 to 200 values; the peer reads {PEER_VALUES} of each"
    return [*found, figure("CPU time", "ms a field", [spent], note=note, **peer)]


def _figures(
    fields: Sequence[LabelledField], ours: Answers, theirs: Answers | None, labels: Iterable[str]
) -> list[Figure]:
    found, means = [], {"precision": ([], []), "recall": ([], []), "F1": ([], [])}
    for label in labels:
        own = _score(fields, ours, label)
        peers = _score(fields, theirs, label) if theirs is not None else None
        count = sum(each.label == label for each in fields)
        for place, name in enumerate(means):
            means[name][0].append(own[place])
            peer = {}
            if peers is not None:
                means[name][1].append(peers[place])
                peer = {"peer": PEER, "peer_samples": [peers[place]]}
            note = f"{count} fields of {len(fields)}"
            found.append(figure(f"{label}, {name}", "share", [own[place]], note=note, **peer))
    for name, (own_all, peer_all) in means.items():
        peer = {"peer": PEER, "peer_samples": [_mean(peer_all)]} if peer_all else {}
        found.append(figure(f"mean of labels, {name}", "share", [_mean(own_all)], **peer))
    clean = [place for place, each in enumerate(fields) if each.label is None]
    wrong = sum(bool(ours[place]) for place in clean) / len(clean)
    peer = {}
    if theirs is not None:
        share = sum(bool(theirs[place]) for place in clean) / len(clean)
        peer = {"peer": PEER, "peer_samples": [share]}
    note = f"{len(clean)} fields that hold nothing personal"
    return [*found, figure("look-alikes with a label", "share", [wrong], note=note, **peer)]


def _score(fields: Sequence[LabelledField], answers: Answers, label: str) -> list[float]:
    """Precision, recall, F1 of one label."""
    counts = Counter(
        (each.label == label, label in answer) for each, answer in zip(fields, answers, strict=True)
    )
    right, false, missed = counts[True, True], counts[False, True], counts[True, False]
    precision = right / (right + false) if right + false else 0.0
    recall = right / (right + missed) if right + missed else 0.0
    total = precision + recall
    return [precision, recall, 2 * precision * recall / total if total else 0.0]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _ask_ours(each: LabelledField) -> frozenset[str]:
    path = [each.table] if each.table else []
    return frozenset(
        found.label for found in classify_field(each.name, each.type, each.samples, path=path)
    )


def _ask_peer(fields: Sequence[LabelledField]) -> tuple[Answers, float] | None:
    """The peer's labels and its CPU milliseconds a field; None where it is not installed."""
    python = os.environ.get("LAKEWARDEN_BENCH_PRESIDIO")
    if not python:
        print("  LAKEWARDEN_BENCH_PRESIDIO is not set: no peer")
        return None
    values = [
        [str(value) for value in dict.fromkeys(each.samples) if value is not None][:PEER_VALUES]
        for each in fields
    ]
    asked = json.dumps({"names": [each.name for each in fields], "values": values})
    done = subprocess.run(
        [python, PEER_SCRIPT], input=asked, capture_output=True, text=True, check=True
    )
    answer = json.loads(done.stdout.splitlines()[-1])
    labels = [
        frozenset(PEER_LABELS.get(each, "pii.national_id") for each in row)
        for row in answer["labels"]
    ]
    return labels, answer["cpu_ms"] / len(fields)
