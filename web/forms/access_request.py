"""Asking for access, and deciding."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django import forms

DURATIONS = [
    ("1", "1 hour"),
    ("24", "1 day"),
    ("168", "7 days"),
    ("720", "30 days"),
    ("2160", "90 days"),
    ("4320", "180 days"),
]
MAX_PURPOSE = 2_000
MAX_FILTER = 2_000
MAX_COMMENT = 2_000


class AccessRequestForm(forms.Form):
    """`column_names` are the dataset's columns; none chosen asks for all of them."""

    purpose = forms.CharField(
        max_length=MAX_PURPOSE,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="What you will use the data for. It is kept with the grant.",
    )
    columns = forms.MultipleChoiceField(
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="Choose only what you need. None chosen asks for all columns.",
    )
    row_filter = forms.CharField(
        required=False,
        max_length=MAX_FILTER,
        label="Only rows where",
        widget=forms.TextInput(attrs={"class": "code", "spellcheck": "false"}),
        help_text="An SQL condition on the columns, such as origin = 'EWR'. Empty asks for all rows.",
    )
    hours = forms.ChoiceField(choices=DURATIONS, initial="720", label="For")

    def __init__(self, *args: Any, column_names: Sequence[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        columns = self.fields["columns"]
        if isinstance(columns, forms.MultipleChoiceField):
            columns.choices = [(name, name) for name in column_names]

    @property
    def duration(self) -> timedelta:
        return timedelta(hours=int(self.cleaned_data["hours"]))

    def wanted_columns(self) -> list[str] | None:
        """The chosen columns; None is all of them."""
        return list(self.cleaned_data["columns"]) or None

    def wanted_rows(self) -> str | None:
        """The row filter; None is all rows."""
        return self.cleaned_data["row_filter"].strip() or None


class DecisionForm(forms.Form):
    """What an approver says; `columns`, `row_filter` and `hours` belong to an offer."""

    comment = forms.CharField(
        required=False, max_length=MAX_COMMENT, widget=forms.Textarea(attrs={"rows": 2})
    )
    verdict = forms.ChoiceField(
        choices=[(each, each) for each in ("approve", "deny", "offer", "cancel")]
    )
    columns = forms.MultipleChoiceField(required=False)
    row_filter = forms.CharField(required=False, max_length=MAX_FILTER)
    hours = forms.ChoiceField(choices=[("", "as asked"), *DURATIONS], required=False)

    def __init__(self, *args: Any, column_names: Sequence[str] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        columns = self.fields["columns"]
        if isinstance(columns, forms.MultipleChoiceField):
            columns.choices = [(name, name) for name in column_names]

    def offered(self) -> dict[str, Any]:
        """What an offer narrows; None is left as it was asked."""
        hours = self.cleaned_data["hours"]
        return {
            "columns": list(self.cleaned_data["columns"]) or None,
            "row_filter": self.cleaned_data["row_filter"].strip() or None,
            "duration": timedelta(hours=int(hours)) if hours else None,
        }


class ExtensionForm(forms.Form):
    hours = forms.ChoiceField(choices=DURATIONS, initial="720")


class AbsenceForm(forms.Form):
    """For how long somebody is away, and who decides for them meanwhile."""

    delegate = forms.CharField(
        required=False,
        max_length=150,
        help_text="The user name of who decides for you. Empty: your stages go to those next in line.",
    )
    starts_at = forms.DateField(label="From", widget=forms.DateInput(attrs={"type": "date"}))
    ends_at = forms.DateField(
        label="Until (that day included)", widget=forms.DateInput(attrs={"type": "date"})
    )
    domain = forms.SlugField(
        required=False,
        help_text="The short name of a domain: for it the delegate is given the right to approve. Empty: everywhere, "
        "where they may approve themselves.",
    )
