"""Documents of rules: read strictly, and what they ask of a request."""

from datetime import timedelta

import pytest

from governance.approval.plan import Asked, from_json, make_plan, to_json
from governance.approval.rules import Kind, parse_rule
from governance.policy.errors import PolicyDocumentError

BASE = {"name": "r", "applies_to": {"tags": ["public"]}, "stages": [{"by": "owner"}]}
ASKED = Asked(
    duration=timedelta(days=3),
    tags=frozenset({"public"}),
    domains=frozenset({"sales"}),
    own_domains=frozenset({"sales"}),
    groups=frozenset({"analysts"}),
)


def rule(name="r", **more):
    return parse_rule(BASE | {"name": name} | more)


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"stages": []}, "/stages"),
        ({"stages": [{"by": "friend"}]}, "/stages/0/by"),
        ({"stages": [{"by": "group"}]}, "/stages/0/group"),
        ({"stages": [{"by": "owner", "group": "g"}]}, "/stages/0/group"),
        ({"stages": [{"by": "owner", "needed": 0}]}, "/stages/0/needed"),
        ({"stages": [{"by": "owner", "needed": True}]}, "/stages/0/needed"),
        ({"stages": [{"by": "owner", "automatic_when": {}}]}, "/stages/0/automatic_when"),
        (
            {"stages": [{"by": "owner", "automatic_when": {"same_domain": False}}]},
            "/stages/0/automatic_when",
        ),
        ({"stages": [{"by": "owner", "else": 1}]}, "/stages/0"),
        ({"order": "random"}, "/order"),
        ({"conflicts": {"different_people": "no"}}, "/conflicts/different_people"),
        ({"applies_to": {}}, "/applies_to"),
        ({"applies_to": {"tags": ["a"], "fields": ["b"]}}, "/applies_to/fields"),
        ({"surprise": 1}, ""),
    ],
)
def test_what_is_no_rule_says_where(change, pointer):
    with pytest.raises(PolicyDocumentError) as refused:
        parse_rule(BASE | change)
    assert refused.value.pointer == pointer


def test_every_rule_that_applies_adds_its_stages_in_its_own_order():
    in_order = rule("b", stages=[{"by": "owner"}, {"by": "steward"}])
    side_by_side = rule(
        "a", order="parallel", stages=[{"by": "group", "group": "g", "needed": 2}, {"by": "owner"}]
    )
    plan = make_plan([in_order, side_by_side], ASKED)
    assert [(s.rule, s.kind, s.group, s.needed, s.after) for s in plan.stages] == [
        ("a", Kind.GROUP, "g", 2, None),
        ("a", Kind.OWNER, "", 1, None),
        ("b", Kind.OWNER, "", 1, None),
        ("b", Kind.STEWARD, "", 1, 2),
    ]
    assert from_json(to_json(plan)) == plan


def test_without_a_rule_one_whom_the_kernel_lets_approve_decides():
    plan = make_plan([], ASKED)
    assert [(s.kind, s.needed, s.after, s.passed) for s in plan.stages] == [
        (Kind.APPROVER, 1, None, False)
    ]
    assert from_json({}) == plan


@pytest.mark.parametrize(
    ("condition", "change", "passes"),
    [
        ({"tags": ["public"]}, {}, True),
        ({"tags": ["public", "open"]}, {}, False),
        ({"same_domain": True}, {}, True),
        ({"same_domain": True}, {"own_domains": frozenset({"hr"})}, False),
        ({"unlabelled": True}, {}, True),
        ({"unlabelled": True}, {"labels": frozenset({"pii.email"})}, False),
        ({"at_most_days": 3}, {}, True),
        ({"at_most_days": 2}, {}, False),
        ({"groups": ["analysts", "others"]}, {}, True),
        ({"groups": ["others"]}, {}, False),
        ({"tags": ["public"], "at_most_days": 2}, {}, False),
        ({"tags": ["public"]}, {"may_approve": True}, False),
        ({"tags": ["public"]}, {"sees_columns": False}, False),
    ],
)
def test_a_stage_passes_by_itself_where_all_that_is_stated_holds(condition, change, passes):
    automatic = rule(stages=[{"by": "owner", "automatic_when": condition}])
    asked = Asked(**{**vars(ASKED), **change})
    assert make_plan([automatic], asked).is_automatic is passes
    assert make_plan([automatic], asked, is_certain=False).is_automatic is False
    assert make_plan([automatic, rule("more")], asked).is_automatic is False
