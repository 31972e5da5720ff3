"""Apache Kafka 4.4, one process that is broker and KRaft controller."""

import subprocess
from pathlib import Path

from stack import artifacts, java, probes
from stack.account import exposed, give_to
from stack.errors import StackError
from stack.files import write_text
from stack.ports import HOST
from stack.services.base import Context, Launch, Service, Start, bare_env

_LOGGING = """\
Configuration:
  status: warn
  Appenders:
    Console:
      name: STDOUT
      PatternLayout: { pattern: "[%d] %p %m (%c{1})%n" }
  Loggers:
    Root:
      level: WARN
      AppenderRef: { ref: STDOUT }
    Logger:
      - name: kafka.server.KafkaRaftServer
        level: INFO
"""
_HEAP = "-Xmx320m"


class Kafka(Service):
    """Durable by its log; quick to start by C1 compilation and a class archive made on the first stop."""

    name = "kafka"
    port_names = ("kafka", "kafka_controller")
    # The first stop also writes the class archive.
    stop_seconds = 30.0

    def prepare(self, context: Context) -> None:
        """Write the configuration and format the log folder once."""
        folder = context.home.folder("kafka")
        self._write(context, folder / "server.properties", _properties(context, folder / "log"))
        self._write(context, folder / "log4j2.yaml", _LOGGING)
        if (folder / "log" / "meta.properties").exists():
            return
        launch = self._java(
            context,
            "kafka.tools.StorageTool",
            "format",
            # With "=", since one random identifier in 64 begins with "-" and would be read as an option.
            f"--cluster-id={_cluster_id(context)}",
            f"--config={folder / 'server.properties'}",
        )
        done = subprocess.run(
            launch.argv,
            capture_output=True,
            text=True,
            check=False,
            cwd=folder,
            env=launch.env,
            timeout=120,
            user=context.account.uid if context.account else None,
            group=context.account.gid if context.account else None,
            extra_groups=[] if context.account else None,
        )
        if done.returncode:
            raise StackError(
                f"Kafka's log folder could not be formatted: {(done.stdout + done.stderr).strip()[-400:]}"
            )

    def launch(self, context: Context) -> Launch:
        """Return the broker's command line."""
        folder = context.home.folder("kafka")
        # INVARIANT: an ephemeral stack lives once, so it writes no archive for a next start.
        archive = (
            []
            if context.ephemeral
            else ["-XX:+AutoCreateSharedArchive", f"-XX:SharedArchiveFile={folder}/classes.jsa"]
        )
        return self._java(context, *archive, "kafka.Kafka", str(folder / "server.properties"))

    def is_ready(self, start: Start) -> bool:
        """Probe by a metadata request."""
        return probes.kafka_answers(start.context.ports["kafka"])

    def data_folder(self, context: Context) -> Path | None:
        """Return the folder of its log."""
        return context.home.folder("kafka")

    def _java(self, context: Context, *words: str) -> Launch:
        folder = context.home.folder("kafka")
        programs = context.home.data / "programs"
        home = exposed(java.runtime(), context.account, programs)
        jars = artifacts.kafka_jars()
        place = exposed(jars[0].parent, context.account, programs)
        options = [
            *(
                _HEAP,
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1",
                "-XX:-UsePerfData",
                "-Xshare:auto",
                "-Xlog:cds=off",
                "-Xlog:cds+dynamic=off",
            ),
            f"-Dlog4j2.configurationFile=file:{folder}/log4j2.yaml",
            *("-cp", ":".join(str(place / jar.name) for jar in jars)),
        ]
        return Launch(
            argv=[str(home / "bin" / "java"), *options, *words],
            cwd=folder,
            env=bare_env(),
            account=context.account,
        )

    def _write(self, context: Context, path: Path, text: str) -> None:
        write_text(path, text, mode=0o600)
        give_to(path, context.account)


def _cluster_id(context: Context) -> str:
    return context.secrets["kafka_cluster_id"][:22]


def _properties(context: Context, log: Path) -> str:
    broker, controller = context.ports["kafka"], context.ports["kafka_controller"]
    settings = {
        "process.roles": "broker,controller",
        "node.id": 1,
        "controller.quorum.voters": f"1@{HOST}:{controller}",
        "listeners": f"PLAINTEXT://{HOST}:{broker},CONTROLLER://{HOST}:{controller}",
        "advertised.listeners": f"PLAINTEXT://{HOST}:{broker}",
        "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
        "inter.broker.listener.name": "PLAINTEXT",
        "controller.listener.names": "CONTROLLER",
        "log.dirs": log,
        "num.network.threads": 2,
        "num.io.threads": 4,
        "background.threads": 2,
        "log.cleaner.threads": 1,
        "log.cleaner.dedupe.buffer.size": 4194304,
        "num.recovery.threads.per.data.dir": 1,
        "num.partitions": 1,
        "offsets.topic.num.partitions": 1,
        "offsets.topic.replication.factor": 1,
        "transaction.state.log.num.partitions": 1,
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.min.isr": 1,
        "share.coordinator.state.topic.num.partitions": 1,
        "share.coordinator.state.topic.replication.factor": 1,
        "share.coordinator.state.topic.min.isr": 1,
        "group.initial.rebalance.delay.ms": 0,
        # A restarted broker is let in when its former session has ended: 9 s by default.
        "broker.session.timeout.ms": 3000,
        "broker.heartbeat.interval.ms": 500,
    }
    return "".join(f"{key}={value}\n" for key, value in settings.items())
