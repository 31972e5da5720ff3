"""Registering versions of models and naming the one that is served."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db import transaction

from catalog.models import Dataset, Domain
from catalog.models.dataset import DatasetKind, DatasetStructure
from catalog.services.datasets import add_owner, ensure_dataset, find_dataset
from catalog.services.openlineage import record_event
from catalog.services.versions import record_version
from core import audit
from core.errors import InvalidInputError, NotFoundError, PermissionDeniedError
from core.ids import uuid7
from governance import queries as governance
from governance.policy.types import Action
from identity.models import User
from serving.artifacts import MEDIA_TYPE, Signature, check_artifact, sha256_of, store_artifact
from serving.lineage import catalog_field, model_output, training_event
from serving.models import ModelVersion
from serving.models.version import ALIAS_PATTERN, MODEL_NAME_PATTERN, MODEL_NAMESPACE

MAX_DESCRIPTION = 4000


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """Where a model comes from: its training data, and the run and columns where they are known."""

    datasets: Sequence[Dataset] = ()
    run_uuid: UUID = field(default_factory=uuid7)
    features: Sequence[str] = ()
    label: str = ""
    properties: Mapping[str, Any] = field(default_factory=dict)


def register_model(
    *,
    actor: User,
    name: str,
    domain: Domain,
    artifact: bytes,
    provenance: Provenance,
    metrics: Mapping[str, float] | None = None,
    description: str = "",
) -> ModelVersion:
    """Check, store and catalog an ONNX artifact as the next version of the model `name`.

    A new model needs `write` or `manage` on `domain` and belongs to `actor`; a new version of one that exists needs
    them on the model. Every training dataset must be readable by `actor`. Lineage and audit are written in
    the same transaction. The same artifact again is the same version.
    """
    check_model_name(name)
    if len(description) > MAX_DESCRIPTION:
        raise InvalidInputError(f"`description` has at most {MAX_DESCRIPTION} characters")
    principal = governance.principal_of(actor)
    for each in provenance.datasets:
        governance.require(principal, Action.READ, each)
    with transaction.atomic():
        # Asked first, so that nobody without the right makes us parse or store anything; asked again below.
        _claim_model(actor=actor, name=name, domain=domain, description=description)
        transaction.set_rollback(True)
    signature = check_artifact(artifact)
    uri = store_artifact(artifact, name=name)
    with transaction.atomic():
        model = _claim_model(actor=actor, name=name, domain=domain, description=description)
        sha256 = sha256_of(artifact)
        version = model.model_versions.filter(sha256=sha256).first()
        if version is not None:
            return version
        last = model.model_versions.order_by("-number").first()
        version = ModelVersion.objects.create(
            dataset=model,
            number=last.number + 1 if last is not None else 1,
            uri=uri,
            size=len(artifact),
            sha256=sha256,
            inputs=signature.inputs,
            outputs=signature.outputs,
            metrics=dict(metrics or {}),
            properties=dict(provenance.properties),
            run_uuid=provenance.run_uuid,
            created_by=actor,
        )
        version.training_datasets.set(provenance.datasets)
        _describe_in_catalog(version, signature=signature, provenance=provenance, actor=actor)
    return version


def set_alias(version: ModelVersion, *, alias: str, actor: User) -> None:
    """Give `version` the alias, taking it from whichever version of the model bears it.

    `champion` is served by default. Needs `write` or `manage` on the model.
    """
    if alias and not re.match(ALIAS_PATTERN, alias):
        raise InvalidInputError(f"`alias` must match {ALIAS_PATTERN}", pointer="/alias")
    require_change(actor, version.dataset)
    with transaction.atomic():
        Dataset.objects.select_for_update(no_key=True).get(pk=version.dataset_id)
        ModelVersion.objects.filter(dataset=version.dataset, alias=alias).exclude(alias="").update(
            alias=""
        )
        version.alias = alias
        version.save(update_fields=["alias"])
        audit.record(
            actor=actor.username,
            action="model.set_alias",
            resource=version.dataset.node_id,
            payload={"version": version.number, "alias": alias},
        )


def check_model_name(name: str) -> None:
    if not re.match(MODEL_NAME_PATTERN, name):
        raise InvalidInputError(f"`name` must match {MODEL_NAME_PATTERN}", pointer="/name")


def require_change(actor: User, model: Dataset) -> None:
    """Raise unless `actor` may write or manage the model; NotFoundError where it may not be discovered."""
    principal = governance.principal_of(actor)
    try:
        governance.require(principal, Action.WRITE, model)
    except PermissionDeniedError:
        governance.require(principal, Action.MANAGE, model)


def _claim_model(*, actor: User, name: str, domain: Domain, description: str) -> Dataset:
    """The model's dataset, made if need be, its row locked; the kernel decides on the very row."""
    is_new = find_dataset(namespace=MODEL_NAMESPACE, name=name) is None
    model = ensure_dataset(
        namespace=MODEL_NAMESPACE,
        name=name,
        kind=DatasetKind.MODEL,
        structure=DatasetStructure.UNSTRUCTURED,
        media_type=MEDIA_TYPE,
        description=description,
        domain=domain,
        actor=actor.username,
    )
    try:
        require_change(actor, model)
    except (NotFoundError, PermissionDeniedError):
        # One answer for a name that is free and one that is taken out of the caller's sight.
        raise PermissionDeniedError("this needs `write` or `manage` on it or its domain") from None
    if is_new:
        add_owner(model, owner=actor, actor=actor.username)
    return model


def _describe_in_catalog(
    version: ModelVersion, *, signature: Signature, provenance: Provenance, actor: User
) -> None:
    model = version.dataset
    record_version(
        dataset=model,
        schema=[catalog_field(each) for each in signature.outputs],
        content_hash=version.sha256,
        statistics={"bytes": version.size, **version.metrics},
        lifecycle="CREATE" if version.number == 1 else "OVERWRITE",
        actor=actor.username,
    )
    source = provenance.datasets[0] if len(provenance.datasets) == 1 else None
    output = model_output(
        model_name=model.name,
        tensors=signature.outputs,
        source=source,
        features=provenance.features,
        label=provenance.label,
    )
    event = training_event(
        event_type="COMPLETE",
        run_uuid=provenance.run_uuid,
        model_name=model.name,
        inputs=provenance.datasets,
        outputs=[output],
    )
    record_event(event=event, sender=actor)
    audit.record(
        actor=actor.username,
        action="model.register",
        resource=model.node_id,
        payload={
            "version": version.number,
            "sha256": version.sha256,
            "size": version.size,
            "training_datasets": [each.node_id for each in provenance.datasets],
        },
    )
