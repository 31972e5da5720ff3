"""Progress that tells the truth: a bar moves when something is counted, and stays where it is when nothing is."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

console = Console(highlight=False)
Advance = Callable[[int], None]


@contextmanager
def bar(text: str, total: int | None) -> Iterator[Advance]:
    """A bar of `total` units; the yielded function sets how many are done. Without a total it only pulses."""
    columns = (
        TextColumn("  {task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=not console.is_terminal) as progress:
        task = progress.add_task(text, total=total)

        def advance(done: int) -> None:
            progress.update(task, completed=done)

        yield advance


def say(text: str) -> None:
    """One line of what was done."""
    console.print(f"  {text}")


@contextmanager
def step(number: int, count: int, title: str, seconds: dict[str, float]) -> Iterator[None]:
    """A titled step whose time is kept in `seconds`."""
    console.print(f"[bold]\\[{number}/{count}] {title}[/bold]")
    started = time.monotonic()
    yield
    seconds[title] = time.monotonic() - started
