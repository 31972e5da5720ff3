"""Writes of `governance`, one noun a file."""

from governance.services.audit import record, record_decision, record_export, seal, seal_all
from governance.services.grants import expire_grants, grant_access, revoke_grant
from governance.services.labels import approve_declassification, withdraw_declassification
from governance.services.policies import publish_policy, retire_policy, save_policy_draft
from governance.services.requests import (
    answer_offer,
    approve_request,
    cancel_request,
    deny_request,
    extend_request,
    offer_less,
    request_access,
    withdraw_request,
)

__all__ = [
    "answer_offer",
    "approve_declassification",
    "approve_request",
    "cancel_request",
    "deny_request",
    "expire_grants",
    "extend_request",
    "grant_access",
    "offer_less",
    "publish_policy",
    "record",
    "record_decision",
    "record_export",
    "request_access",
    "retire_policy",
    "revoke_grant",
    "save_policy_draft",
    "seal",
    "seal_all",
    "withdraw_declassification",
    "withdraw_request",
]
