"""The models of `governance`, one noun a file."""

from governance.approval.states import RequestState
from governance.models.approval import Delegation, RequestRule
from governance.models.audit import (
    AuditCheckpoint,
    AuditRecord,
    AuditSegment,
    AuditSubject,
    AuditTile,
)
from governance.models.break_glass import BreakGlass, Verdict
from governance.models.campaign import (
    Campaign,
    CampaignItem,
    CampaignNotice,
    CampaignNoticeKind,
)
from governance.models.classification import Classification, ClassificationState
from governance.models.fact_log import FactKind, FactLog, FactLogMark
from governance.models.grant import (
    DatasetGroupGrant,
    DatasetUserGrant,
    DomainGroupGrant,
    DomainUserGrant,
    GrantBase,
)
from governance.models.history import HistoryBeginning
from governance.models.label import Declassification
from governance.models.policy import Policy, PolicyStatus, PolicyVersion
from governance.models.request import (
    AccessRequest,
    NoticeKind,
    RequestNotice,
    RequestOffer,
    RequestVote,
    Terms,
)
from governance.models.retention import (
    ErasureRequest,
    ErasureState,
    ErasureStep,
    LegalHold,
    RetentionRule,
)
from governance.models.review import ReviewItem, ReviewKind, ReviewMark, ReviewState
from governance.models.simulation import Simulation, SimulationState
from governance.models.use import GrantUse
from governance.models.webhook import DeliveryState, WebhookDelivery, WebhookEndpoint

__all__ = [
    "AccessRequest",
    "AuditCheckpoint",
    "AuditRecord",
    "AuditSegment",
    "AuditSubject",
    "AuditTile",
    "BreakGlass",
    "Campaign",
    "CampaignItem",
    "CampaignNotice",
    "CampaignNoticeKind",
    "Classification",
    "ClassificationState",
    "DatasetGroupGrant",
    "DatasetUserGrant",
    "Declassification",
    "Delegation",
    "DeliveryState",
    "DomainGroupGrant",
    "DomainUserGrant",
    "ErasureRequest",
    "ErasureState",
    "ErasureStep",
    "FactKind",
    "FactLog",
    "FactLogMark",
    "GrantBase",
    "GrantUse",
    "HistoryBeginning",
    "LegalHold",
    "NoticeKind",
    "Policy",
    "PolicyStatus",
    "PolicyVersion",
    "RequestNotice",
    "RequestOffer",
    "RequestRule",
    "RequestState",
    "RequestVote",
    "RetentionRule",
    "ReviewItem",
    "ReviewKind",
    "ReviewMark",
    "ReviewState",
    "Simulation",
    "SimulationState",
    "Terms",
    "Verdict",
    "WebhookDelivery",
    "WebhookEndpoint",
]
