"""A certificate authority of our own, and a server certificate for loopback that it signed."""

import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

LOOPBACK = [
    x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
    x509.DNSName("localhost"),
]


def make_certificates(folder: Path) -> None:
    """Write `ca.pem`, `server.pem`, `server.key` (PKCS 8), and `other-ca.pem`, which signed nothing."""
    ca_key = ec.generate_private_key(ec.SECP256R1())
    ca = _certificate("Test CA", ca_key, issuer="Test CA", signed_by=ca_key, is_ca=True)
    key = ec.generate_private_key(ec.SECP256R1())
    server = _certificate("loopback", key, issuer="Test CA", signed_by=ca_key, is_ca=False)
    other_key = ec.generate_private_key(ec.SECP256R1())
    other = _certificate("Other", other_key, issuer="Other", signed_by=other_key, is_ca=True)
    for name, certificate in (("ca", ca), ("server", server), ("other-ca", other)):
        pem = certificate.public_bytes(serialization.Encoding.PEM)
        (folder / f"{name}.pem").write_bytes(pem)
    (folder / "server.key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )


def _certificate(name, key, *, issuer, signed_by, is_ca) -> x509.Certificate:
    now = datetime.now(tz=UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
    )
    if not is_ca:
        builder = builder.add_extension(x509.SubjectAlternativeName(LOOPBACK), critical=False)
    return builder.sign(signed_by, hashes.SHA256())


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])
