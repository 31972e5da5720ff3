"""Every page, wide and on a phone: axe-core finds nothing (WCAG 2.1 A and AA, best practices), and nothing is cut off."""

from importlib.resources import files

import pytest
from django.urls import reverse

from governance.models import AccessRequest
from governance.queries import principal_of
from governance.services.break_glass import break_glass
from serving.services.registry import Provenance, register_model, set_alias
from tests.factories.governance import make_grant, make_mask, make_request, make_world
from tests.factories.serving import linear_model

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
AXE = files("axe_core_python").joinpath("axe.min.js").read_text()
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]
WIDTHS = {"desktop": 1280, "phone": 375}
# What holds more than it is wide and does not scroll.
CUT_OFF = """
const holders = [document.documentElement, ...document.querySelectorAll("main, .panel:not(.scroll), .field")];
return holders.filter(each => each.scrollWidth > each.clientWidth + 1).map(each => each.outerHTML);
"""


@pytest.fixture
def world(object_buckets):
    """Something on every page: a masked dataset, a pending and a decided request, a model with two versions."""
    world = make_world()
    make_mask("pii.email", "show-last-4", name="mask-emails")
    decided = make_request(world.analyst, world.passengers, purpose="another study")
    AccessRequest.objects.filter(pk=decided.pk).update(state="denied", decision_comment="too wide")
    make_request(world.analyst, world.passengers, columns=["name", "email"])
    make_grant(world.steward, world.passengers, "read")
    break_glass(world.sales, by=principal_of(world.superuser), reason="the nightly load is broken")
    for number in (1, 2):
        version = register_model(
            actor=world.steward,
            name="flight-delays-of-the-winter-season",
            domain=world.sales,
            artifact=linear_model(weights=(float(number), -1.0)),
            metrics={"area under the curve": 0.75 + number / 100},
            provenance=Provenance(datasets=[world.passengers], features=["fare"], label="origin"),
        )
    set_alias(version, actor=world.steward, alias="champion")
    make_grant(world.analyst, version.dataset, "view_metadata")
    world.passengers.model = version.dataset
    return world


def pages_of(world) -> dict[str, list[str]]:
    """What each person opens."""
    passengers, model = world.passengers, world.passengers.model
    return {
        "analyst": [
            reverse("web:home"),
            reverse("web:search") + "?q=passengers",
            reverse("web:search") + "?q=nothing-is-called-so",
            reverse("web:dataset", args=[passengers.uuid]),
            reverse("web:lineage", args=[passengers.uuid]),
            reverse("web:request-new", args=[passengers.uuid]),
            reverse("web:requests"),
            reverse("web:models"),
            reverse("web:model", args=[model.uuid]),
            reverse("web:tokens"),
            reverse("web:second-factor"),
            reverse("web:identities"),
            reverse("web:error-codes"),
            "/nowhere",
        ],
        "steward": [
            reverse("web:inbox"),
            reverse("web:break-glass"),
            reverse("web:dataset", args=[passengers.uuid]),
            reverse("web:models"),
            reverse("web:model", args=[model.uuid]),
            reverse("web:dataset", args=[model.uuid]),
            reverse("web:lineage", args=[model.uuid]) + "?depth=2",
        ],
        "root": [
            reverse("web:audit"),
            reverse("web:home"),
            reverse("web:dataset", args=[passengers.uuid]),
            reverse("web:break-glass-new", args=[passengers.uuid]),
        ],
    }


def test_models_are_shown_with_their_versions(walker, world):
    model = reverse("web:model", args=[world.passengers.model.uuid])
    walker.sign_in("steward")
    walker.open(reverse("web:models"))
    assert walker.driver.find_element("css selector", "tbody tr").text.split()[:3] == [
        "flight-delays-of-the-winter-season",
        "Sales",
        "2",
    ]
    walker.press("flight-delays-of-the-winter-season")
    headings = [each.text for each in walker.driver.find_elements("css selector", "h2")]
    assert headings == ["Version 2 champion", "Version 1"]
    assert "area under the curve\n0.77" in walker.text
    assert "Learned from\ncurated.passengers" in walker.text
    assert "You may ask this model" in walker.text
    walker.shoot("model")
    walker.sign_in("analyst")
    walker.open(model)
    assert "You may not ask this model." in walker.text
    walker.sign_in("outsider")
    walker.open(model)
    assert "Not found" in walker.text


def test_the_sign_in_page_is_for_everybody(walker, world):
    walker.driver.delete_all_cookies()
    assert faults(walker, ["/sign-in/"]) == []


@pytest.mark.parametrize("person", ["analyst", "steward", "root"])
def test_pages_are_for_everybody(walker, world, person):
    walker.sign_in(person)
    assert faults(walker, pages_of(world)[person]) == []


def faults(walker, paths: list[str]) -> list[str]:
    found = []
    try:
        for name, width in WIDTHS.items():
            resize(walker.driver, width)
            for path in paths:
                walker.driver.get(walker.base + path)
                found += [f"{name} {path}: {each}" for each in faults_here(walker.driver)]
                walker.shoot_as_is(f"{name}-{path.strip('/').replace('/', '-')[:60] or 'home'}")
    finally:
        walker.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        walker.driver.get("about:blank")  # no request of the page outlives the test
    return found


def resize(driver, width: int) -> None:
    """A window is never narrower than 500 px; the emulated screen of a phone is."""
    screen = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)


def faults_here(driver) -> list[str]:
    """What axe-core finds on the page, and what reaches past the screen or past its panel."""
    driver.execute_script(AXE)
    result = driver.execute_async_script(
        "const done = arguments[arguments.length - 1];"
        "axe.run({runOnly: arguments[0], resultTypes: ['violations']}).then(done)",
        RULES,
    )
    found = [
        f"{rule['id']}: {node['html'][:160]}"
        for rule in result["violations"]
        for node in rule["nodes"]
    ]
    cut_off = driver.execute_script(CUT_OFF)
    return [*found, *(f"cut off: {each[:160]}" for each in cut_off)]
