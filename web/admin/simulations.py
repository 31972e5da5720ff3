"""Drafts in the admin: write one, see what it would do, publish it."""

from collections.abc import Mapping
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from unfold.decorators import display

from core.errors import LakewardenError
from governance.models import Simulation, SimulationState
from governance.policy.documents import dump_documents
from governance.services.simulations import publish_simulation, start_simulation
from governance.simulation.document import read_draft
from governance.simulation.results import tell_result, visible_simulations
from web.access import viewer_of
from web.admin.base import StaffAdmin, is_staff, say
from web.admin.documents import DocumentForm

STATE_COLOURS = {
    SimulationState.WAITING: "info",
    SimulationState.RUNNING: "info",
    SimulationState.DONE: "warning",
    SimulationState.FAILED: "danger",
    SimulationState.PUBLISHED: "success",
}
EXAMPLE = """changes:
- put_policy:
    name: mask-emails
    applies_to:
      field_tags: [pii.email]
    effect:
      column_mask: show-last-4
"""


class SimulationForm(DocumentForm):
    noun = "draft"

    class Meta:
        model = Simulation
        fields = ["days"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        text = self.fields["text"]
        text.initial = text.initial or EXAMPLE
        text.help_text = "Nothing is changed by saving it: it is simulated."

    def parse(self, document: Mapping[str, Any]) -> Any:
        """The changes of a draft."""
        return read_draft(document)


@admin.register(Simulation)
class SimulationAdmin(StaffAdmin):
    """The viewer's own drafts. What is told is about datasets on which the viewer may approve."""

    form = SimulationForm
    list_display = ["created_at", "show_state", "days", "progress", "published_at"]
    actions = ["publish"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = visible_simulations(viewer_of(request).principal)
        return rows

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return is_staff(request) and (obj is None or obj.author_id == request.user.pk)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return is_staff(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        del request, obj
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        del request, obj
        return False

    def has_write_permission(self, request: HttpRequest) -> bool:
        return is_staff(request)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        del request
        if obj is None:
            return ["text", "days"]
        return ["show_state", "progress", "outcome", "yaml", "days", "error"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return [] if obj is None else self.get_fields(request, obj)

    def get_object(self, request: HttpRequest, object_id: str, from_field: Any = None) -> Any:
        row = super().get_object(request, object_id, from_field)
        if row is not None:
            row.told = tell_result(row, reader=viewer_of(request).principal)
        return row

    def save_model(self, request: HttpRequest, obj: Any, form: ModelForm[Any], change: Any) -> None:
        del change
        made = start_simulation(
            form.cleaned_data["document"],
            by=viewer_of(request).principal,
            days=form.cleaned_data["days"],
        )
        obj.__dict__.update(made.__dict__)

    @admin.action(description="Publish the selected drafts", permissions=["write"])
    def publish(self, request: HttpRequest, queryset: QuerySet[Simulation]) -> None:
        for row in queryset:
            try:
                done = publish_simulation(row, by=viewer_of(request).principal)
            except LakewardenError as error:
                say(request, error)
            else:
                since = "have changed" if done.facts_changed else "are the same"
                messages.success(request, f"Published; the facts {since} since the simulation.")

    @display(description="state", label=STATE_COLOURS)
    def show_state(self, row: Simulation) -> Any:
        return row.state, row.get_state_display()

    @admin.display(description="datasets")
    def progress(self, row: Simulation) -> str:
        return f"{row.position} of {row.total}"

    @admin.display(description="draft")
    def yaml(self, row: Simulation) -> str:
        return format_html("<pre>{}</pre>", dump_documents([row.document]))

    @admin.display(description="what it would do")
    def outcome(self, row: Any) -> str:
        return format_html_join(
            "",
            "<h3>{}</h3><ul>{}</ul>",
            ((title, _listed(lines)) for title, lines in _told(row.told).items() if lines),
        )


def _told(result: Mapping[str, Any]) -> dict[str, list[str]]:
    """The result in lines, by title."""
    if not result:
        return {}
    replay = result.get("replay", {})
    return {
        "Changes (person and dataset)": _counts(result["kinds"]) or ["none"],
        "People": [f"{each['person']}: {_line(each)}" for each in result["people"]],
        "Datasets": [f"{each['name']}: {_line(each)}" for each in result["datasets"]],
        "Fields": [f"{each['name']} {each['field']}: {_line(each)}" for each in result["fields"]],
        "Recorded decisions that would differ": _counts(replay.get("outcomes", {})),
        "Whose recorded decisions": [
            f"{each['person']}: {_line(each)}" for each in replay.get("people", [])
        ],
        "Policies": [
            f"{each['policy']} is {each['kind']}: {each['evidence']}" for each in result["findings"]
        ],
        "In the way of publication": result["problems"],
        "Left out": [f"what comes after dataset {result['next']}"] if result["next"] else [],
    }


def _line(row: Mapping[str, Any]) -> str:
    return ", ".join(_counts(row["kinds"]))


def _counts(kinds: Mapping[str, int]) -> list[str]:
    return [f"{kind.replace('_', ' ')} {count}" for kind, count in sorted(kinds.items())]


def _listed(lines: list[str]) -> Any:
    return format_html_join("", "<li>{}</li>", ((line,) for line in lines))
