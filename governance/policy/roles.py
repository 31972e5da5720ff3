"""What owning, stewarding and being a superuser give, without any grant.

Owners of a dataset answer for it and may read it. Stewards and domain owners administer what is below them without reading its data:
whoever hands out access to personal data need not see it. A superuser keeps the house, and reads data by
grant only, so that nobody reads in silence.
"""

from collections.abc import Mapping

from governance.policy.types import IMPLIES, Action

DATASET_OWNER = "dataset owner"
DATASET_STEWARD = "dataset steward"
DOMAIN_OWNER = "domain owner"
DOMAIN_STEWARD = "domain steward"
SUPERUSER = "superuser"

_ADMINISTER = IMPLIES[Action.ADMINISTER]

ROLE_ACTIONS: Mapping[str, frozenset[Action]] = {
    DATASET_OWNER: _ADMINISTER | {Action.READ, Action.WRITE},
    DATASET_STEWARD: _ADMINISTER,
    DOMAIN_OWNER: _ADMINISTER,
    DOMAIN_STEWARD: _ADMINISTER,
    SUPERUSER: _ADMINISTER,
}
