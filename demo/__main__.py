"""`python -m demo`: carry real input through every layer, governed, and report the numbers that prove it.

It exits with 1 if anything that the report claims does not hold.
"""

import os
import sys
from collections.abc import Callable

from rich.table import Table

from demo.inputs import fetch_inputs
from demo.progress import bar, console, step
from demo.steps import access, files, kafka, lineage, models, people, processing, proof, tiering
from demo.world import ANALYST, OUTSIDER, SCIENTIST, STEWARD, World, open_world


def fetch(world: World) -> None:
    """Fetch the real input, unless an earlier run did."""
    with bar("download", None):
        fetch_inputs(world.cache)


STEPS: tuple[tuple[str, Callable[[World], None]], ...] = (
    ("Fetch real input: flights, weather, countries, photographs, text, speech", fetch),
    ("People, domains and service accounts", people.run),
    ("Ingestion from Kafka", kafka.run),
    ("Ingestion of files", files.run),
    ("Labels and policies", access.label),
    ("Processing with Spark", processing.run),
    ("Lineage, table by table and column by column", lineage.run),
    ("Access: asked, approved, enforced, expired", access.run),
    ("Storage tiers, moved under a reader", tiering.run),
    ("A model: trained, served, governed", models.run),
    ("The audit log proves itself", proof.run),
)


def report(world: World) -> bool:
    """Print figures, claims, times and how to go on; returns whether every claim holds."""
    figures = Table(title="Figures", show_header=False)
    for name, value in world.figures.items():
        figures.add_row(name, f"{value:,}" if isinstance(value, int) else str(value))
    console.print(figures)
    claims = Table("", "claim", "expected", "found", title="Claims")
    for claim in world.claims:
        mark = "[green]holds[/green]" if claim.holds else "[red]FAILS[/red]"
        claims.add_row(mark, claim.text, str(claim.expected)[:60], str(claim.found)[:60])
    console.print(claims)
    times = Table("step", "seconds", title="Time")
    for title, seconds in world.seconds.items():
        times.add_row(title, f"{seconds:.1f}")
    times.add_row("total", f"{sum(world.seconds.values()):.1f}")
    console.print(times)
    _print_doors(world)
    failed = [claim for claim in world.claims if not claim.holds]
    if failed:
        console.print(f"[red]{len(failed)} of {len(world.claims)} claims do not hold[/red]")
    else:
        console.print(f"[green]{len(world.claims)} claims hold, none fails.[/green]")
    return not failed


def _print_doors(world: World) -> None:
    doors = Table("who", "user", "password", title=f"The product is running at {world.url}")
    admin = os.environ.get("LAKEWARDEN_ADMIN_USER", "admin")
    doors.add_row("administrator", admin, os.environ.get("LAKEWARDEN_ADMIN_PASSWORD", ""))
    for role, name in (
        ("steward", STEWARD),
        ("analyst", ANALYST),
        ("ML engineer", SCIENTIST),
        ("outsider", OUTSIDER),
    ):
        doors.add_row(role, name, world.passwords.get(name, ""))
    console.print(doors)
    console.print(f"Pages {world.url}/   admin {world.url}/admin/   API {world.url}/api/v1/docs")
    console.print("Stop with `make demo-down`; begin anew with `RESET=1 make demo`.")


def main() -> int:
    """Run every step; the report is printed even if a step fails."""
    world = open_world()
    console.print(f"[bold]Lakewarden demo[/bold] on {world.url}")
    try:
        for number, (title, run) in enumerate(STEPS, start=1):
            with step(number, len(STEPS), title, world.seconds):
                run(world)
    except SystemExit as error:
        report(world)
        console.print(f"[red]The demo stopped: {error}[/red]")
        return 1
    return 0 if report(world) else 1


if __name__ == "__main__":
    sys.exit(main())
