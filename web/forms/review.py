"""Settling a finding."""

from django import forms


class SettleForm(forms.Form):
    verdict = forms.ChoiceField(choices=[(each, each) for each in ("acknowledge", "resolve")])
    comment = forms.CharField(required=False, max_length=2_000)
