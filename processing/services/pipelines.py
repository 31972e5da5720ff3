"""Declaring, changing and switching pipelines."""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, transaction

from catalog.models import Dataset, Domain
from catalog.services.datasets import add_owner, ensure_dataset, find_dataset
from core import audit
from core.clock import utc_now
from core.errors import ConflictError, NotFoundError, PermissionDeniedError
from governance import queries as governance
from governance.policy.types import Action
from identity.models import User
from identity.queries import answers_for
from processing.definition import Definition, read_definition
from processing.entry_points import find_entry_point
from processing.errors import InvalidPipelineError
from processing.models import Pipeline, PipelineKind
from processing.queries import TABLE_NAMESPACE, reads_everything, visible_tables
from storage.models import IcebergNamespace
from storage.services.namespaces import DOMAIN_PROPERTY, create_namespace, domain_of

NAME_PATTERN = r"^[a-z0-9][a-z0-9._-]{0,99}$"
MIN_INTERVAL = timedelta(minutes=1)
MAX_DESCRIPTION = 4000


def create_pipeline(
    *,
    actor: User,
    name: str,
    domain: Domain,
    kind: str,
    definition: Mapping[str, Any],
    run_as: User | None = None,
    description: str = "",
    interval: timedelta | None = None,
) -> Pipeline:
    """Declare a pipeline whose outputs belong to `domain`, and which runs as the service account `run_as`.

    `actor` needs `manage` on every output, and must answer for `run_as` (or be it, or be an administrator).
    `run_as` must be able to read every input without restriction, since Spark applies no row filter and no
    mask, and to write every output.
    InvalidPipelineError says where the declaration is wrong.
    """
    runner = _choose_runner(actor, run_as)
    parsed = _read(kind, definition)
    _check_texts(name, description, interval)
    inputs = _find_inputs(actor, runner, parsed)
    try:
        with transaction.atomic():
            outputs = [_claim_output(actor, each, domain) for each in parsed.outputs]
            _require_writer(runner, outputs)
            pipeline = Pipeline.objects.create(
                name=name,
                description=description,
                kind=kind,
                definition=parsed.as_json(),
                domain=domain,
                owner=actor,
                run_as=runner,
                interval=interval,
                next_run_at=None if interval is None else utc_now(),
            )
            pipeline.inputs.set(inputs)
            pipeline.output_datasets.set(outputs)
            audit.record(
                actor=actor.username,
                action="pipeline.create",
                resource=f"pipeline:{pipeline}",
                payload={
                    "definition": pipeline.definition,
                    "run_as": runner.username,
                    "domain": domain.slug,
                },
            )
    except IntegrityError:
        raise ConflictError(f"a pipeline `{name}` exists already") from None
    return pipeline


def replace_definition(pipeline: Pipeline, *, actor: User, definition: Mapping[str, Any]) -> None:
    """Give the pipeline another definition, under the same rules; runs that were asked for keep theirs."""
    require_manage(actor, pipeline)
    parsed = _read(pipeline.kind, definition)
    inputs = _find_inputs(actor, pipeline.run_as, parsed)
    with transaction.atomic():
        outputs = [_claim_output(actor, each, pipeline.domain) for each in parsed.outputs]
        _require_writer(pipeline.run_as, outputs)
        pipeline.definition = parsed.as_json()
        pipeline.save(update_fields=["definition", "updated_at"])
        pipeline.inputs.set(inputs)
        pipeline.output_datasets.set(outputs)
        audit.record(
            actor=actor.username,
            action="pipeline.replace_definition",
            resource=f"pipeline:{pipeline}",
            payload={"definition": pipeline.definition},
        )


def switch_pipeline(pipeline: Pipeline, *, actor: User, enabled: bool) -> None:
    """Let the pipeline run, or not."""
    require_manage(actor, pipeline)
    with transaction.atomic():
        pipeline.enabled = enabled
        pipeline.save(update_fields=["enabled", "updated_at"])
        audit.record(
            actor=actor.username,
            action="pipeline.enable" if enabled else "pipeline.disable",
            resource=f"pipeline:{pipeline}",
        )


def require_manage(actor: User, pipeline: Pipeline) -> None:
    """Raise unless `actor` may manage everything that the pipeline writes; its domain if that is nothing."""
    principal = governance.principal_of(actor)
    outputs = list(pipeline.output_datasets.all())
    for each in outputs:
        governance.require(principal, Action.MANAGE, each)
    if not outputs:
        governance.require_domain(principal, pipeline.domain)


def _read(kind: str, definition: Mapping[str, Any]) -> Definition:
    if kind not in PipelineKind.values:
        raise InvalidPipelineError("`kind` is sql or python", pointer="/kind")
    parsed = read_definition(definition)
    if bool(parsed.entry_point) != (kind == PipelineKind.PYTHON):
        raise InvalidPipelineError(
            "a python pipeline, and no other, has an entry point", pointer="/kind"
        )
    if parsed.entry_point:
        find_entry_point(parsed.entry_point)
    if not parsed.outputs:
        raise InvalidPipelineError("at least one step needs an `output`", pointer="/steps")
    return parsed


def _check_texts(name: str, description: str, interval: timedelta | None) -> None:
    if not re.match(NAME_PATTERN, name):
        raise InvalidPipelineError(f"`name` must match {NAME_PATTERN}", pointer="/name")
    if len(description) > MAX_DESCRIPTION:
        raise InvalidPipelineError("`description` is too long", pointer="/description")
    if interval is not None and interval < MIN_INTERVAL:
        raise InvalidPipelineError("`interval` is at least 60 seconds", pointer="/interval")


def _choose_runner(actor: User, run_as: User | None) -> User:
    runner = run_as or actor
    is_own = runner.is_service and runner.pk == actor.pk
    if not (is_own or answers_for(actor, runner)):
        raise PermissionDeniedError("`run_as` must be a service account that you answer for")
    return runner


def _find_inputs(actor: User, runner: User, parsed: Definition) -> list[Dataset]:
    names = set(parsed.inputs)
    seen = visible_tables(actor, names=names, action=Action.VIEW_METADATA)
    for name in sorted(names):
        if name not in seen:
            raise InvalidPipelineError(
                f"there is no table `{name}` that you may see", pointer="/steps"
            )
        if not reads_everything(runner, seen[name]):
            raise PermissionDeniedError(
                f"`{runner.username}` may not read the table `{name}` without restriction"
            )
    return list(seen.values())


def _claim_output(actor: User, name: str, domain: Domain) -> Dataset:
    """The output's catalog entry, made if need be; the kernel decides on the very row."""
    is_new = find_dataset(namespace=TABLE_NAMESPACE, name=name) is None
    dataset = ensure_dataset(
        namespace=TABLE_NAMESPACE,
        name=name,
        # Whoever made the namespace said whose tables are in it; a pipeline cannot move them.
        domain=domain_of(name.split(".")[:-1]) or domain,
        actor=actor.username,
    )
    _ensure_namespace(name.split(".")[:-1], domain=domain, actor=actor)
    try:
        governance.require(governance.principal_of(actor), Action.MANAGE, dataset)
    except (NotFoundError, PermissionDeniedError):
        raise PermissionDeniedError(
            f"writing `{name}` by a pipeline needs `manage` on it or its domain"
        ) from None
    if is_new:
        add_owner(dataset, owner=actor, actor=actor.username)
    return dataset


def _ensure_namespace(levels: list[str], *, domain: Domain, actor: User) -> None:
    """The namespace of an output, in the pipeline's domain if it is new."""
    if not IcebergNamespace.objects.filter(levels=levels).exists():
        create_namespace(
            levels=levels, properties={DOMAIN_PROPERTY: domain.slug}, actor=actor.username
        )


def _require_writer(runner: User, outputs: list[Dataset]) -> None:
    principal = governance.principal_of(runner)
    for each in outputs:
        if not governance.decide_on(principal, Action.WRITE, each).allowed:
            raise PermissionDeniedError(
                f"`{runner.username}` may not write the table `{each.name}`"
            )
