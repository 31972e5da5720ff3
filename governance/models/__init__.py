"""The models of `governance`, one noun a file."""

from governance.models.audit import AuditCheckpoint, AuditRecord
from governance.models.break_glass import BreakGlass, Verdict
from governance.models.classification import Classification, ClassificationState
from governance.models.fact_log import FactKind, FactLog, FactLogMark
from governance.models.grant import (
    DatasetGroupGrant,
    DatasetUserGrant,
    DomainGroupGrant,
    DomainUserGrant,
    GrantBase,
)
from governance.models.label import Declassification
from governance.models.policy import Policy, PolicyStatus, PolicyVersion
from governance.models.request import AccessRequest, RequestState
from governance.models.review import ReviewItem, ReviewKind, ReviewMark, ReviewState

__all__ = [
    "AccessRequest",
    "AuditCheckpoint",
    "AuditRecord",
    "BreakGlass",
    "Classification",
    "ClassificationState",
    "DatasetGroupGrant",
    "DatasetUserGrant",
    "Declassification",
    "DomainGroupGrant",
    "DomainUserGrant",
    "FactKind",
    "FactLog",
    "FactLogMark",
    "GrantBase",
    "Policy",
    "PolicyStatus",
    "PolicyVersion",
    "RequestState",
    "ReviewItem",
    "ReviewKind",
    "ReviewMark",
    "ReviewState",
    "Verdict",
]
