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
    comment = forms.CharField(
        required=False, max_length=MAX_COMMENT, widget=forms.Textarea(attrs={"rows": 2})
    )
    verdict = forms.ChoiceField(choices=[("approve", "approve"), ("deny", "deny")])
