"""The models of `governance`, one noun a file."""

from governance.models.audit import AuditCheckpoint, AuditRecord
from governance.models.grant import (
    DatasetGroupGrant,
    DatasetUserGrant,
    DomainGroupGrant,
    DomainUserGrant,
    GrantBase,
)
from governance.models.policy import Policy, PolicyVersion
from governance.models.request import AccessRequest, RequestState

__all__ = [
    "AccessRequest",
    "AuditCheckpoint",
    "AuditRecord",
    "DatasetGroupGrant",
    "DatasetUserGrant",
    "DomainGroupGrant",
    "DomainUserGrant",
    "GrantBase",
    "Policy",
    "PolicyVersion",
    "RequestState",
]
