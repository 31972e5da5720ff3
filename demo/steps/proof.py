"""Audit: everything that happened is in the log, and the log proves itself."""

from demo.client import wait_until
from demo.progress import say
from demo.world import World


def run(world: World) -> None:
    """Wait until the last records are sealed, then recompute the whole log and check every signature."""

    def sealed() -> dict[str, object] | None:
        answer: dict[str, object] = world.admin.get("/api/v1/audit/verification")
        return answer if answer["records"] and answer["checkpoints"] else None

    answer = wait_until(sealed, seconds=30, what="the audit log to be sealed")
    world.figures["audit records verified"] = answer["records"]
    world.figures["signed checkpoints verified"] = answer["checkpoints"]
    world.claim("the audit log holds", expected=[], found=answer["findings"])
    for action in ("request.create", "request.approve", "grant.create", "data.read"):
        rows = world.admin.get("/api/v1/audit/records", action=action)["items"]
        world.claim(f"the log tells of {action}", expected=True, found=bool(rows))
    say(f"{answer['records']:,} records under {answer['checkpoints']} signed checkpoints hold")
