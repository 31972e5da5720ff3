"""Routes of identity and governance."""

from django.urls import include, path
from rest_framework.routers import SimpleRouter

from api.v1.approval import DelegationViewSet, RequestRuleViewSet
from api.v1.audit import AuditErasureView, AuditRecordViewSet, AuditVerificationView
from api.v1.audit_proofs import (
    AuditCheckpointView,
    AuditCheckpointViewSet,
    AuditConsistencyView,
    AuditExportView,
    AuditKeyView,
    AuditProofView,
    AuditSegmentViewSet,
    AuditVerifierView,
)
from api.v1.break_glass import BreakGlassViewSet
from api.v1.campaigns import CampaignItemViewSet, CampaignViewSet
from api.v1.classifications import (
    ClassificationDecisionsView,
    ClassificationDecisionView,
    ClassificationListView,
)
from api.v1.declassifications import DeclassificationViewSet
from api.v1.grants import DecisionView, GrantsView, GrantView, LabelOriginsView
from api.v1.history import PastAccessView, PastChangesView, PastQuestionView, PastReadsView
from api.v1.identity import GroupViewSet, MeView, TokenViewSet, UserViewSet
from api.v1.policies import PolicyViewSet
from api.v1.requests import AccessRequestViewSet
from api.v1.retention import (
    DatasetRetentionView,
    ErasureViewSet,
    LegalHoldViewSet,
    RetentionRuleViewSet,
)
from api.v1.reviews import ReviewViewSet
from api.v1.service_accounts import ServiceAccountViewSet
from api.v1.simulations import PolicyFindingsView, SimulationViewSet
from api.v1.stewards import StewardView
from api.v1.webhooks import WebhookDeliveryViewSet, WebhookViewSet

router = SimpleRouter(trailing_slash=False)
router.register("tokens", TokenViewSet, basename="token")
router.register("groups", GroupViewSet, basename="group")
router.register("users", UserViewSet, basename="user")
router.register("service-accounts", ServiceAccountViewSet, basename="service-account")
router.register("access-requests", AccessRequestViewSet, basename="access-request")
router.register("break-glass", BreakGlassViewSet, basename="break-glass")
router.register("campaigns", CampaignViewSet, basename="campaign")
router.register("campaign-items", CampaignItemViewSet, basename="campaign-item")
router.register("reviews", ReviewViewSet, basename="review")
router.register("request-rules", RequestRuleViewSet, basename="request-rule")
router.register("retention-rules", RetentionRuleViewSet, basename="retention-rule")
router.register("legal-holds", LegalHoldViewSet, basename="legal-hold")
router.register("erasures", ErasureViewSet, basename="erasure")
router.register("delegations", DelegationViewSet, basename="delegation")
router.register("webhooks", WebhookViewSet, basename="webhook")
router.register("webhook-deliveries", WebhookDeliveryViewSet, basename="webhook-delivery")
router.register("declassifications", DeclassificationViewSet, basename="declassification")
router.register("policies", PolicyViewSet, basename="policy")
router.register("simulations", SimulationViewSet, basename="simulation")
router.register("audit/records", AuditRecordViewSet, basename="audit-record")
router.register("audit/checkpoints", AuditCheckpointViewSet, basename="audit-checkpoint-list")
router.register("audit/segments", AuditSegmentViewSet, basename="audit-segment")

CLASSIFICATIONS = "catalog/datasets/<uuid:uuid>/classifications"
HISTORY = "catalog/datasets/<uuid:uuid>/history"

urlpatterns = [
    path(CLASSIFICATIONS, ClassificationListView.as_view(), name="classifications"),
    path(
        f"{CLASSIFICATIONS}/decisions",
        ClassificationDecisionsView.as_view(),
        name="classification-decisions",
    ),
    path(
        f"{CLASSIFICATIONS}/<uuid:classification>/accept",
        ClassificationDecisionView.as_view(),
        {"verdict": "accept"},
        name="classification-accept",
    ),
    path(
        f"{CLASSIFICATIONS}/<uuid:classification>/reject",
        ClassificationDecisionView.as_view(),
        {"verdict": "reject"},
        name="classification-reject",
    ),
    path(f"{HISTORY}/access", PastAccessView.as_view(), name="history-access"),
    path(f"{HISTORY}/questions", PastQuestionView.as_view(), name="history-questions"),
    path(f"{HISTORY}/reads", PastReadsView.as_view(), name="history-reads"),
    path(f"{HISTORY}/changes", PastChangesView.as_view(), name="history-changes"),
    path("me", MeView.as_view(), name="me"),
    path("grants", GrantsView.as_view(), name="grants"),
    path("grants/<uuid:uuid>", GrantView.as_view(), name="grant"),
    path(
        "catalog/datasets/<uuid:uuid>/decisions", DecisionView.as_view(), name="dataset-decisions"
    ),
    path(
        "catalog/datasets/<uuid:uuid>/retention",
        DatasetRetentionView.as_view(),
        name="dataset-retention",
    ),
    path("catalog/datasets/<uuid:uuid>/labels", LabelOriginsView.as_view(), name="dataset-labels"),
    path(
        "catalog/domains/<slug:slug>/stewards/users/<str:name>",
        StewardView.as_view(),
        {"kind": "users"},
        name="domain-user-steward",
    ),
    path(
        "catalog/domains/<slug:slug>/stewards/groups/<str:name>",
        StewardView.as_view(),
        {"kind": "groups"},
        name="domain-group-steward",
    ),
    path("policy-findings", PolicyFindingsView.as_view(), name="policy-findings"),
    path("audit/verification", AuditVerificationView.as_view(), name="audit-verification"),
    path("audit/checkpoint", AuditCheckpointView.as_view(), name="audit-checkpoint"),
    path("audit/consistency", AuditConsistencyView.as_view(), name="audit-consistency"),
    path("audit/erasures", AuditErasureView.as_view(), name="audit-erasures"),
    path("audit/export", AuditExportView.as_view(), name="audit-export"),
    path("audit/key", AuditKeyView.as_view(), name="audit-key"),
    path("audit/verifier", AuditVerifierView.as_view(), name="audit-verifier"),
    path("audit/records/<int:sequence>/proof", AuditProofView.as_view(), name="audit-record-proof"),
    path("", include(router.urls)),
]
