"""Simulating drafts and publishing them: who may, how far, what is recorded.

An author simulates changes that they could make, and sees of the answer what is about datasets on which they may approve.
Small drafts are answered at once, others by a worker.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q

from core import audit
from core.clock import utc_now
from core.errors import ConflictError, InvalidInputError, LakewardenError, PermissionDeniedError
from core.jobs import enqueue
from governance.effective.ids import Ids, ids_of
from governance.facts import load_facts, principal_of
from governance.models import Simulation, SimulationState
from governance.policy.types import Action, Principal
from governance.queries import visible_datasets
from governance.services.drafts import find_steps, lay_steps
from governance.services.drafts.steps import Step
from governance.services.policies import may_write_policy
from governance.simulation.differences import find_differences
from governance.simulation.lint import find_flaws
from governance.simulation.reaches import reaches_of
from governance.simulation.replay import replay_decisions
from governance.simulation.results import differences_data, flaw_data, replay_data
from governance.simulation.supposition import Fingerprint, Supposition

TASK = "governance.run_simulation"
# Datasets times people that are compared while the caller waits.
AT_ONCE = 50_000
MAX_DAYS = 400
RUN_LIMIT = 1200  # seconds
LOST_AFTER = timedelta(seconds=RUN_LIMIT + 120)
PROGRESS_EVERY = 500
MAX_PROBLEMS = 20


@dataclass(frozen=True, slots=True)
class Publication:
    """A published draft. `facts_changed`: whether facts that the simulation went by were no longer the same."""

    simulation: Simulation
    facts_changed: bool


def start_simulation(
    document: Mapping[str, Any],
    *,
    by: Principal,
    days: int = 0,
    after: int = 0,
    at_once: bool = False,
) -> Simulation:
    """Simulate a draft and, with `days`, replay the recorded decisions of so many days under it.

    A small one is done on return, with `at_once` any; others wait for a worker. `after` is where a cut one goes on.
    Raises what the changes themselves would raise (with `pointer`), DraftDocumentError, or PermissionDeniedError for a
    token that may not approve.
    """
    if not 0 <= days <= MAX_DAYS:
        raise InvalidInputError(f"`days` must be 0 to {MAX_DAYS}")
    require_simulator(by)
    supposition = Supposition(lay_steps(find_steps(document, by=by)))
    is_small = not days and len(supposition.touched) * len(supposition.people) <= AT_ONCE
    with transaction.atomic():
        row = Simulation.objects.create(
            author_id=by.id, document=dict(document), days=days, after=after
        )
        _audit(row, by=by, verb="start", days=days, changes=_kinds(document))
        if not (is_small or at_once):
            enqueue(TASK, simulation=row.pk)
            return row
    return run_simulation(row.pk)


def require_simulator(by: Principal) -> None:
    """Raise PermissionDeniedError for an account or token that may approve nowhere at all."""
    if not by.is_active or not by.token_allows(Action.APPROVE):
        raise PermissionDeniedError("a simulation needs a token with the scope `admin`")


def run_simulation(pk: int) -> Simulation:
    """Run a waiting simulation; one that another process has taken is left alone. A failure is kept in the row."""
    now = utc_now()
    waiting = Q(state=SimulationState.WAITING) | Q(
        state=SimulationState.RUNNING, started_at__lt=now - LOST_AFTER
    )
    taken = Simulation.objects.filter(waiting, pk=pk)
    if not taken.update(state=SimulationState.RUNNING, started_at=now):
        return Simulation.objects.get(pk=pk)
    row = Simulation.objects.select_related("author").get(pk=pk)
    by, told = principal_of(row.author), {"days": row.days}
    try:
        _run(row, by)
        told["records"] = row.result.get("replay", {}).get("records", 0)
    except LakewardenError as error:
        row.state, row.error = SimulationState.FAILED, error.message
    row.finished_at = utc_now()
    with transaction.atomic():
        row.save()
        _audit(row, by=by, verb="run", state=str(row.state), **told)
    return row


def sweep_simulations() -> int:
    """Send to a worker what waits or runs for longer than any worker takes; returns how many."""
    lost = utc_now() - LOST_AFTER
    rows = Simulation.objects.filter(
        Q(state=SimulationState.WAITING, created_at__lt=utc_now() - timedelta(minutes=1))
        | Q(state=SimulationState.RUNNING, started_at__lt=lost)
    )
    keys = list(rows.values_list("pk", flat=True))
    for key in keys:
        enqueue(TASK, simulation=key)
    return len(keys)


def _run(row: Simulation, by: Principal) -> None:
    steps = find_steps(row.document, by=by)
    supposition = Supposition(lay_steps(steps))
    datasets = _datasets(supposition, by, after=row.after)
    row.total = len(datasets)

    def progress(done: int, total: int) -> None:
        if done % PROGRESS_EVERY == 0:
            Simulation.objects.filter(pk=row.pk).update(position=done, total=total)

    differences = find_differences(supposition, datasets=datasets, progress=progress)
    row.position = differences.datasets_asked
    row.fingerprint = differences.fingerprint
    result = differences_data(differences)
    if row.days:
        replay = replay_decisions(supposition, datasets=datasets, days=row.days)
        result["replay"] = replay_data(replay)
    result["findings"] = _findings(supposition, by)
    result["problems"] = _problems(steps)
    row.result, row.state = result, SimulationState.DONE


def _datasets(supposition: Supposition, by: Principal, *, after: int) -> list[int]:
    """What the draft touches, of what the author may know everybody's rights on."""
    known = supposition.touched & _approvable(by)
    return [each for each in known if each > after]


def _approvable(by: Principal) -> Ids:
    rows = visible_datasets(by, action=Action.APPROVE).order_by()
    return ids_of(rows.values_list("pk", flat=True))


def _findings(supposition: Supposition, by: Principal) -> list[dict[str, Any]]:
    """What is wrong with the policies as they would be, of those that the author may write."""
    facts = load_facts(by)
    mine = {
        each.name for each in supposition.after.policies if may_write_policy(by, each, facts=facts)
    }
    reaches = [each for each in reaches_of(supposition) if each.policy.name in mine]
    return [flaw_data(each) for each in find_flaws(reaches, now=supposition.now)]


def _problems(steps: list[Step]) -> list[str]:
    """Why the draft could not be published as things are."""
    return [text for step in steps for text in step.problems()][:MAX_PROBLEMS]


@transaction.atomic
def publish_simulation(row: Simulation, *, by: Principal) -> Publication:
    """Make the changes of a simulated draft, all or none, each by its own service and with its own record.

    Raises ConflictError for one that is not done or published already, and what the changes themselves raise.
    """
    locked = Simulation.objects.select_for_update().get(pk=row.pk)
    if locked.state != SimulationState.DONE:
        raise ConflictError(f"the simulation is {locked.state}: only a done one is published")
    steps = find_steps(locked.document, by=by)
    changed = _fingerprint(locked, lay_steps(steps)) != locked.fingerprint
    for step in steps:
        step.make()
    locked.state, locked.published_at = SimulationState.PUBLISHED, utc_now()
    locked.save(update_fields=["state", "published_at"])
    _audit(locked, by=by, verb="publish", facts_changed=changed, changes=_kinds(locked.document))
    return Publication(locked, changed)


def _fingerprint(row: Simulation, draft: Any) -> str:
    """That of the facts of now, for the datasets that the simulation asked about."""
    supposition = Supposition(draft)
    datasets = _datasets(supposition, principal_of(row.author), after=row.after)
    found = Fingerprint(supposition)
    for pair in supposition.pairs(datasets[: row.position] if row.result.get("next") else datasets):
        found.add(pair)
    return found.hexdigest()


def _kinds(document: Mapping[str, Any]) -> list[str]:
    return [kind for change in document["changes"] for kind in change]


def _audit(row: Simulation, *, by: Principal, verb: str, **told: Any) -> None:
    audit.record(
        actor=by.username,
        action=f"simulation.{verb}",
        resource=f"simulation:{row.uuid}",
        payload=told,
    )


def policy_findings(by: Principal) -> list[dict[str, Any]]:
    """The flaws of the policies in force, of those that `by` may write."""
    require_simulator(by)
    return _findings(Supposition(lay_steps([])), by)
