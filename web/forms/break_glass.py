"""Breaking the glass, and reviewing it."""

from typing import Any

from django import forms
from django.conf import settings

from governance.models import Verdict
from governance.services.break_glass import MAX_TEXT


class BreakGlassForm(forms.Form):
    reason = forms.CharField(
        max_length=MAX_TEXT,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="What has happened, and why asking would take too long. Those who answer for the data read it.",
    )
    minutes = forms.IntegerField(min_value=1, label="For how many minutes")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        longest = settings.LAKEWARDEN.break_glass_minutes
        self.fields["minutes"].initial = longest
        self.fields["minutes"].help_text = f"At most {longest}. Less is better."


class ReviewForm(forms.Form):
    comment = forms.CharField(max_length=MAX_TEXT)
    verdict = forms.ChoiceField(choices=Verdict.choices)
