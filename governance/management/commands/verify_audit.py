"""`manage.py verify_audit`: whether the audit log agrees with itself and with its signed checkpoints."""

import json
from argparse import ArgumentParser
from datetime import datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from governance.models import AuditCheckpoint
from governance.signing import Checkpoint, public_key_base64
from governance.verification import verify


class Command(BaseCommand):
    help = (
        "Recompute the audit log from its stored bytes; exit 1 and name the place when it differs."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--witness",
            type=Path,
            help="a checkpoint that was kept elsewhere (from --save-checkpoint); without one, a log that was "
            "cut back together with its checkpoints is not noticed",
        )
        parser.add_argument(
            "--save-checkpoint", type=Path, help="write the newest checkpoint to this JSON file"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        witness = _read_checkpoint(options["witness"]) if options["witness"] else None
        result = verify(witness=witness)
        for finding in result.findings:
            place = "" if finding.sequence is None else f"at {finding.sequence}: "
            self.stderr.write(f"{place}{finding.text}")
        self.stdout.write(
            f"{result.records} records under {result.checkpoints} checkpoints, {result.unsealed} not yet sealed"
        )
        if not result.holds:
            raise CommandError("the audit log does not verify", returncode=1)
        if options["save_checkpoint"]:
            _write_checkpoint(options["save_checkpoint"])
        self.stdout.write("the audit log verifies")


def _read_checkpoint(path: Path) -> Checkpoint:
    try:
        given = json.loads(path.read_text())
        return Checkpoint(
            tree_size=int(given["tree_size"]),
            root_hash=bytes.fromhex(given["root_hash"]),
            signed_at=datetime.fromisoformat(given["signed_at"]),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CommandError(f"`{path}` is not a checkpoint: {error}", returncode=2) from error


def _write_checkpoint(path: Path) -> None:
    last = AuditCheckpoint.objects.order_by("-tree_size").first()
    if last is None:
        raise CommandError("nothing is sealed yet", returncode=2)
    path.write_text(
        json.dumps(
            {
                "tree_size": last.tree_size,
                "root_hash": bytes(last.root_hash).hex(),
                "signed_at": last.signed_at.isoformat(),
                "signature": bytes(last.signature).hex(),
                "key_id": last.key_id,
                "public_key": public_key_base64(),
            },
            indent=2,
        )
        + "\n"
    )
