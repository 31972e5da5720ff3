"""SeaweedFS: an S3-compatible object store in one process."""

import contextlib
import json
import tempfile
from pathlib import Path

from stack import s3
from stack.account import exposed, give_to
from stack.errors import InstallError
from stack.files import write_text
from stack.ports import HOST
from stack.services.base import Context, Launch, Service, Start, bare_env, venv_program

REGION = "us-east-1"
BUCKETS = ("lakewarden-hot", "lakewarden-cold")
_LONGEST_SOCKET = 100  # sun_path holds 108 bytes, unix(7)
_ROLES = ("master", "volume", "filer", "s3")
_MOST_VOLUMES = 10_000
# How many a bucket begins with: weed's own 7 cost memory, and serve servers of many disks.
_VOLUMES_AT_ONCE = 2


class SeaweedFS(Service):
    """Master, volume server, filer and S3 gateway, all on loopback, with bounded memory."""

    name = "s3"
    port_names = tuple(f"s3_{role}{kind}" for role in _ROLES for kind in ("", "_grpc"))
    # Its filer waits 15 s for its own subscribers before it ends. Every acknowledged write has left the process by
    # then, so it is cut short; a kill is safe at any moment (tests/stack, and the crash tests of ingestion).
    stop_seconds = 2.0

    def prepare(self, context: Context) -> None:
        """Write the one identity that may do anything; requests without a signature are refused."""
        folder = context.home.folder("s3")
        (folder / "data").mkdir(exist_ok=True, mode=0o700)
        give_to(folder / "data", context.account)
        identity = {
            "name": "lakewarden",
            "credentials": [
                {
                    "accessKey": context.secrets["s3_access_key"],
                    "secretKey": context.secrets["s3_secret_key"],
                }
            ],
            "actions": ["Admin", "Read", "Write", "List", "Tagging"],
        }
        write_text(folder / "identities.json", json.dumps({"identities": [identity]}), mode=0o600)
        give_to(folder / "identities.json", context.account)

    def launch(self, context: Context) -> Launch:
        """Return the server's command line."""
        folder = context.home.folder("s3")
        program = venv_program("weed")
        if not program.exists():
            raise InstallError(f"SeaweedFS is missing from {program.parent}: run `make install`.")
        weed = exposed(program, context.account, context.home.data / "programs")
        return Launch(
            argv=[str(weed), "-logtostderr=true", "server", *_flags(context, folder)],
            cwd=folder,
            # Go's own soft limit: the collector works harder instead of letting the heap follow the uploads.
            env={
                **bare_env(),
                "GOMEMLIMIT": "384MiB",
                "GOGC": "50",
                "HOME": str(folder),
                "WEED_MASTER_VOLUME_GROWTH_COPY_1": str(_VOLUMES_AT_ONCE),
            },
            account=context.account,
        )

    def is_ready(self, start: Start) -> bool:
        """Probe by creating the buckets, writing and deleting an object."""
        return s3.stores_objects(
            buckets=BUCKETS,
            port=start.context.ports["s3_s3"],
            access_key=start.context.secrets["s3_access_key"],
            secret_key=start.context.secrets["s3_secret_key"],
            region=REGION,
        )

    def clean(self, context: Context) -> None:
        """Remove the gRPC sockets, whose place SeaweedFS does not let us choose."""
        for role in _ROLES:
            if f"s3_{role}_grpc" in context.ports:
                name = f"seaweedfs-{role}-grpc-{context.ports[f's3_{role}_grpc']}.sock"
                with contextlib.suppress(OSError):
                    (Path("/tmp") / name).unlink()

    def data_folder(self, context: Context) -> Path | None:
        """Return the folder of its volumes."""
        return context.home.folder("s3")


def _flags(context: Context, folder: Path) -> list[str]:
    ports = context.ports
    ports_of = [
        flag
        for role in _ROLES
        for flag in (
            f"-{role}.port={ports[f's3_{role}']}",
            f"-{role}.port.grpc={ports[f's3_{role}_grpc']}",
        )
    ]
    return [
        f"-ip={HOST}",
        f"-ip.bind={HOST}",
        f"-dir={folder}/data",
        *ports_of,
        "-filer",
        "-s3",
        f"-s3.config={folder}/identities.json",
        f"-filer.localSocket={_socket(folder, 'filer', context)}",
        f"-s3.localSocket={_socket(folder, 's3', context)}",
        # Doors that nobody uses stay shut, and nothing is reported to anyone.
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        "-master.telemetry=false",
        # A single master: after a restart nobody else can win, so it need not wait 10 s for other votes.
        "-master.electionTimeout=1s",
        "-master.heartbeatInterval=100ms",
        "-filer.exposeDirectoryData=false",
        # Small volumes: a laptop's disk is not reserved in pieces of 30 GB. They grow as they are written to, so how
        # many there may be is no matter of free space, as it is when weed counts them itself: with less than 14 GB
        # free it has no volume left for the second bucket. What guards the disk is the space that must stay free.
        "-master.volumeSizeLimitMB=1024",
        f"-volume.max={_MOST_VOLUMES}",
        "-volume.minFreeSpace=512MiB",
        "-volume.preStopSeconds=0",
        "-volume.index=leveldb",
        # What may be in memory at once.
        "-s3.cacheCapacityMB=32",
        "-s3.readerCacheSizeMB=128",
        "-s3.concurrentUploadLimitMB=64",
        "-filer.concurrentUploadLimitMB=64",
        "-volume.concurrentUploadLimitMB=64",
        "-volume.concurrentDownloadLimitMB=64",
    ]


def _socket(folder: Path, role: str, context: Context) -> Path:
    near = folder / f"{role}.sock"
    if len(str(near)) <= _LONGEST_SOCKET:
        return near
    return Path(tempfile.gettempdir()) / f"lakewarden-{context.home.digest}-{role}.sock"
