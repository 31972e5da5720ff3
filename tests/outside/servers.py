"""The stack's own servers, set up as a careful operator sets up theirs: TLS by a private CA, and passwords.

Valkey's wheel is built without TLS, so a proxy ends it before the server, as operators of such builds do (stunnel).
"""

import contextlib
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stack.account import give_to
from stack.ports import HOST
from stack.services.base import Context, Launch, Service, Start
from stack.services.kafka import Kafka
from stack.services.postgres import Postgres
from stack.services.valkey import Valkey

KAFKA_USER = "lakewarden"
_HBA = """\
hostssl all all 127.0.0.1/32 scram-sha-256
"""


class SecuredPostgres(Postgres):
    """Takes passwords over TLS, and nothing else."""

    def __init__(self, certificates: Path) -> None:
        self.certificates = certificates

    def prepare(self, context: Context) -> None:
        super().prepare(context)
        data = self._data(context)
        for name in ("server.pem", "server.key"):
            shutil.copy(self.certificates / name, data / name)
            (data / name).chmod(0o600)
            give_to(data / name, context.account)
        (data / "pg_hba.conf").write_text(_HBA)

    def launch(self, context: Context) -> Launch:
        plain = super().launch(context)
        options = ("ssl=on", "ssl_cert_file=server.pem", "ssl_key_file=server.key")
        argv = [*plain.argv, *(part for option in options for part in ("-c", option))]
        return Launch(argv=argv, cwd=plain.cwd, env=plain.env, account=plain.account)

    def is_ready(self, start: Start) -> bool:
        """The stack's probe speaks no TLS; the server says itself when it takes sessions."""
        return b"ready to accept connections" in start.log.read_bytes()


class SecuredKafka(Kafka):
    """Takes clients by SCRAM or PLAIN over TLS; brokers speak among themselves on a listener of their own."""

    port_names = ("kafka", "kafka_controller", "kafka_internal")

    def __init__(self, certificates: Path, password: str) -> None:
        self.certificates, self.password = certificates, password

    def prepare(self, context: Context) -> None:
        folder = context.home.folder("kafka")
        keystore = folder / "server-keystore.pem"
        parts = [(self.certificates / name).read_text() for name in ("server.key", "server.pem")]
        self._write(context, keystore, "".join(parts))
        super().prepare(context)

    def _write(self, context: Context, path: Path, text: str) -> None:
        if path.name == "server.properties":
            text += self._secured(context)
        super()._write(context, path, text)

    def _java(self, context: Context, *words: str) -> Launch:
        if "format" in words:
            scram = f"SCRAM-SHA-512=[name={KAFKA_USER},password={self.password}]"
            words = (*words, f"--add-scram={scram}")
        return super()._java(context, *words)

    def _secured(self, context: Context) -> str:
        ports = context.ports
        module = "org.apache.kafka.common.security"
        listeners = (
            f"SASL_SSL://{HOST}:{ports['kafka']},INTERNAL://{HOST}:{ports['kafka_internal']}"
        )
        settings = {
            "listeners": f"{listeners},CONTROLLER://{HOST}:{ports['kafka_controller']}",
            "advertised.listeners": listeners,
            "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,INTERNAL:PLAINTEXT,SASL_SSL:SASL_SSL",
            "inter.broker.listener.name": "INTERNAL",
            "sasl.enabled.mechanisms": "SCRAM-SHA-512,PLAIN",
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": context.home.folder("kafka") / "server-keystore.pem",
            "listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config": f"{module}.scram.ScramLoginModule required;",
            "listener.name.sasl_ssl.plain.sasl.jaas.config": (
                f'{module}.plain.PlainLoginModule required user_{KAFKA_USER}="{self.password}";'
            ),
        }
        # of two lines with one key the later one counts
        return "".join(f"{key}={value}\n" for key, value in settings.items())

    def is_ready(self, start: Start) -> bool:
        """The product's own probe comes later; here a listener is enough."""
        with contextlib.suppress(OSError):
            socket.create_connection((HOST, start.context.ports["kafka"]), timeout=1).close()
            return b"Kafka Server started" in start.log.read_bytes()
        return False


@contextmanager
def running(service: Service, context: Context, log: Path) -> Iterator[None]:
    """The service, prepared, started and ready; stopped at the end."""
    service.prepare(context)
    launch = service.launch(context)
    account = launch.account
    owner: dict[str, Any] = (
        {"user": account.uid, "group": account.gid, "extra_groups": []} if account else {}
    )
    with log.open("wb") as output:
        process = subprocess.Popen(
            launch.argv, cwd=launch.cwd, env=launch.env, stdout=output, stderr=output, **owner
        )
    try:
        wait_for(
            lambda: service.is_ready(Start(context, log, 0)), process=process, log=log, seconds=90
        )
        yield
    finally:
        process.send_signal(service.stop_signal)
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()


def wait_for(condition, *, process: subprocess.Popen, log: Path, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, log.read_text()[-3000:]
        assert time.monotonic() < deadline, log.read_text()[-3000:]
        time.sleep(0.1)


class TlsProxy:
    """Ends TLS on a port of its own and passes the bytes on to a plain port."""

    def __init__(self, *, certificates: Path, target: int) -> None:
        self._target = target
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(certificates / "server.pem", certificates / "server.key")
        self._listener = socket.create_server((HOST, 0))
        self.port: int = self._listener.getsockname()[1]
        self._open: set[socket.socket] = set()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()
        for each in list(self._open):
            each.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        try:
            outer = self._tls.wrap_socket(client, server_side=True)
        except OSError:  # who speaks no TLS, or does not trust us
            client.close()
            return
        inner = socket.create_connection((HOST, self._target))
        self._open |= {outer, inner}
        back = threading.Thread(target=_pump, args=(inner, outer), daemon=True)
        back.start()
        _pump(outer, inner)
        back.join()
        for each in (outer, inner):
            self._open.discard(each)
            each.close()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError, ValueError):
        while data := source.recv(65536):
            sink.sendall(data)
    for each in (source, sink):
        with contextlib.suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)


__all__ = ["KAFKA_USER", "SecuredKafka", "SecuredPostgres", "TlsProxy", "Valkey", "running"]
