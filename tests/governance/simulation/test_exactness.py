"""What a simulation foretells is what publication does: every person, dataset, purpose, action; and nothing else differs."""

import random
from contextlib import contextmanager
from dataclasses import replace

import pytest
from django.db import transaction

from governance.facts import load_domains, load_resources
from governance.policy import decide
from governance.policy.types import Action
from governance.queries import load_facts, principal_of
from governance.services.drafts import find_steps, lay_steps
from governance.simulation.answers import answer_of
from governance.simulation.differences import find_differences
from governance.simulation.supposition import Supposition
from identity.models import User
from tests.governance.simulation.worlds import Town, all_datasets

pytestmark = pytest.mark.django_db
ACTIONS = [Action.DISCOVER, Action.VIEW_METADATA, Action.READ, Action.MANAGE, Action.APPROVE]
PURPOSES = [None, "study"]
DRAFTS = 8


@contextmanager
def undone():
    """What is done within, and then is not."""
    point = transaction.savepoint()
    try:
        yield
    finally:
        transaction.savepoint_rollback(point)


def told(decision):
    """A decision without the ids of rows that publication makes."""
    reasons = sorted((each.kind, each.text, each.version) for each in decision.reasons)
    return decision.effect, decision.obligations, reasons


def foretold(supposition, *, before=False):
    found = {}
    for pair in supposition.pairs([each.pk for each in all_datasets()]):
        for person in supposition.people.values():
            for purpose in PURPOSES:
                asking = person.declaring(purpose)
                who = asking.before if before else asking.after
                resource = pair.before if before else pair.after
                facts = pair.facts_before if before else pair.facts_after
                for action in ACTIONS:
                    key = (person.before.username, pair.dataset.pk, purpose, action)
                    found[key] = told(decide(who, action, resource, facts))
    return found


def asked(supposition):
    """The real decisions, by the loaders of every path."""
    found = {}
    resources = load_resources(all_datasets(), domains=load_domains())
    for user in User.objects.filter(pk__in=supposition.people):
        facts, somebody = load_facts(principal_of(user)), principal_of(user)
        for purpose in PURPOSES:
            who = replace(somebody, purpose=purpose)
            for key, resource in resources.items():
                for action in ACTIONS:
                    decision = decide(who, action, resource, facts)
                    found[user.username, key, purpose, action] = told(decision)
    return found


def changed_pairs(supposition):
    """Pairs and purposes whose answers differ, by asking about each."""
    total = 0
    for pair in supposition.pairs([each.pk for each in all_datasets()]):
        for person in supposition.people.values():
            for purpose in supposition.purposes:
                who = person.declaring(purpose)
                before = answer_of(who.before, pair.before, pair.facts_before)
                after = answer_of(who.after, pair.after, pair.facts_after)
                total += not before.is_as(after)
    return total


@pytest.mark.parametrize("seed", range(2))
def test_publication_does_what_was_foretold(seed):
    dice = random.Random(seed)
    town = Town(dice)
    differing = 0
    for _ in range(DRAFTS):
        document = town.draft()
        steps = find_steps(document, by=town.by)
        supposition = Supposition(lay_steps(steps))
        today, predicted = foretold(supposition, before=True), foretold(supposition)
        assert asked(supposition) == today
        differences = find_differences(supposition, datasets=sorted(supposition.touched))
        assert differences.changed_pairs == changed_pairs(supposition), document
        differing += differences.changed_pairs > 0
        with undone():
            for step in steps:
                step.make()
            real = asked(supposition)
        assert {key: each for key, each in real.items() if predicted[key] != each} == {}, document
    assert differing > DRAFTS // 3
