"""Drafts: read, laid over the facts, simulated, published."""

from collections.abc import Mapping, Sequence
from typing import Any

from core.errors import LakewardenError
from governance.policy.types import Principal
from governance.services.drafts.places import (
    Declassify,
    MoveDataset,
    MoveDomain,
    PutTag,
    Reclassify,
    TakeTag,
)
from governance.services.drafts.rules import (
    AddMembers,
    GiveGrant,
    PutPolicy,
    RemoveMembers,
    RevokeGrant,
    WithdrawPolicy,
)
from governance.services.drafts.steps import Step
from governance.simulation.document import read_draft
from governance.simulation.draft import Draft

STEPS: Mapping[str, type[Step]] = {
    "put_policy": PutPolicy,
    "withdraw_policy": WithdrawPolicy,
    "put_tag": PutTag,
    "take_tag": TakeTag,
    "add_members": AddMembers,
    "remove_members": RemoveMembers,
    "give_grant": GiveGrant,
    "revoke_grant": RevokeGrant,
    "move_dataset": MoveDataset,
    "move_domain": MoveDomain,
    "declassify": Declassify,
    "reclassify": Reclassify,
}


def find_steps(document: Mapping[str, Any], *, by: Principal) -> list[Step]:
    """The changes of a draft document, each of which `by` may make.

    Raises what the change itself would raise, with `pointer`: its place in the draft.
    """
    steps = []
    for wish in read_draft(document):
        try:
            steps.append(STEPS[wish.kind](wish, by=by))
        except LakewardenError as error:
            error.data.setdefault("pointer", wish.pointer)
            raise
    return steps


def lay_steps(steps: Sequence[Step]) -> Draft:
    """The draft that the changes make in their order."""
    draft = Draft()
    for step in steps:
        step.lay(draft)
    return draft
