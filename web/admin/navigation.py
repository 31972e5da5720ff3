"""The admin's sidebar, in the words of those who work there. What an entry opens is decided by its own admin."""

from typing import Any

from django.http import HttpRequest
from django.urls import reverse_lazy

Entry = tuple[str, str, str]

FOR_STAFF: tuple[tuple[str, tuple[Entry, ...]], ...] = (
    (
        "Catalog",
        (
            ("Domains", "account_tree", "catalog_domain"),
            ("Datasets", "table", "catalog_dataset"),
            ("Fields", "view_column", "catalog_field"),
            ("Tags", "sell", "catalog_tag"),
            ("Glossary", "menu_book", "catalog_glossaryterm"),
            ("Data products", "inventory_2", "catalog_dataproduct"),
            ("Contracts", "handshake", "catalog_datacontract"),
        ),
    ),
    (
        "Access",
        (
            ("Requests", "inbox", "governance_accessrequest"),
            ("Reviews", "rate_review", "governance_reviewitem"),
            ("Campaigns", "fact_check", "governance_campaign"),
            ("Rules of approval", "rule", "governance_requestrule"),
            ("Policies", "policy", "governance_policyversion"),
            ("Simulations", "science", "governance_simulation"),
            ("Dataset grants to people", "person", "governance_datasetusergrant"),
            ("Dataset grants to groups", "group", "governance_datasetgroupgrant"),
            ("Domain grants to people", "person", "governance_domainusergrant"),
            ("Domain grants to groups", "group", "governance_domaingroupgrant"),
            ("Suggested labels", "label_important", "governance_classification"),
            ("Declassifications", "lock_open", "governance_declassification"),
            ("Broken glass", "e911_emergency", "governance_breakglass"),
        ),
    ),
    (
        "Work",
        (
            ("Sources", "input", "ingestion_source"),
            ("Landings", "download_done", "ingestion_landingbatch"),
            ("Pipelines", "schema", "processing_pipeline"),
            ("Pipeline runs", "play_circle", "processing_pipelinerun"),
            ("Model versions", "model_training", "serving_modelversion"),
            ("Training runs", "fitness_center", "serving_trainingrun"),
        ),
    ),
    (
        "Storage",
        (
            ("Locations", "storage", "storage_storagelocation"),
            ("Tiers", "layers", "storage_tier"),
            ("Tier policies", "rule", "storage_tierpolicy"),
            ("Movements", "swap_horiz", "storage_movement"),
            ("Tables", "table_chart", "storage_icebergtable"),
            ("Data files", "draft", "storage_datafile"),
            ("Objects", "image", "storage_collectionobject"),
        ),
    ),
    (
        "People",
        (
            ("Users", "person", "identity_user"),
            ("Groups", "group", "auth_group"),
            ("Tokens", "key", "identity_apitoken"),
        ),
    ),
)
FOR_SUPERUSERS: tuple[tuple[str, tuple[Entry, ...]], ...] = (
    (
        "Records",
        (
            ("Audit log", "history", "governance_auditrecord"),
            ("Audit checkpoints", "verified", "governance_auditcheckpoint"),
            ("Retention rules", "schedule", "governance_retentionrule"),
            ("Legal holds", "gavel", "governance_legalhold"),
            ("Erasures", "person_remove", "governance_erasurerequest"),
            ("Absences", "event_busy", "governance_delegation"),
            ("Webhooks", "webhook", "governance_webhookendpoint"),
            ("Webhook deliveries", "outbox", "governance_webhookdelivery"),
            ("Audit persons", "fingerprint", "governance_auditsubject"),
            ("Audit copies", "inventory_2", "governance_auditsegment"),
            ("Custom properties", "tune", "catalog_propertydefinition"),
            ("Imports", "upload", "catalog_catalogimport"),
            ("Jobs", "work", "catalog_job"),
            ("Runs", "play_circle", "catalog_run"),
            ("Lineage events", "event_note", "catalog_runevent"),
        ),
    ),
)


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """Unfold's navigation for this viewer."""
    groups = FOR_STAFF + (FOR_SUPERUSERS if _is_superuser(request) else ())
    return [
        {
            "title": title,
            "separator": True,
            "collapsible": False,
            "items": [
                {
                    "title": text,
                    "icon": icon,
                    "link": reverse_lazy(f"admin:{model}_changelist"),
                }
                for text, icon, model in entries
            ],
        }
        for title, entries in groups
    ]


def _is_superuser(request: HttpRequest) -> bool:
    return bool(request.user.is_authenticated and request.user.is_superuser)
