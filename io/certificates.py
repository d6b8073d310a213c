"""Application certificates of the four identities that meet at the DCS, made at run time.

Each identity has its own self-signed certificate and key. Trust is by pinning: whoever accepts an
identity holds a copy of its certificate, and no authority can add another. Keys never enter the
repository.
"""

import ipaddress
import os
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from operator_agent.errors import InputError, LinkError

KEY_BITS = 2048  # what Basic256Sha256 asks for at least
VALID_DAYS = 365
EXPIRY_WARNING_DAYS = 30  # time to plan an exchange without a shutdown
CLOCK_SKEW = timedelta(minutes=5)  # clocks of two hosts differ by less


class Identity(Enum):
    """Who takes part; the value is the name in file names and application URIs."""

    PLANT = "plant"
    READER = "reader"
    GATE = "gate"
    OBSERVER = "observer"

    @property
    def application_uri(self) -> str:
        """The OPC UA application URI; it stands in the certificate too."""
        return f"urn:operator-agent:{self.value}"


@dataclass(frozen=True, slots=True)
class CertificatePaths:
    """Where the certificates and keys of a site lie.

    Attributes:
        folder: of all files.
    """

    folder: Path

    def certificate(self, identity: Identity) -> Path:
        """Return the path of the certificate (DER) of an identity."""
        return self.folder / f"{identity.value}.der"

    def key(self, identity: Identity) -> Path:
        """Return the path of the private key (PEM), readable by its owner only."""
        return self.folder / f"{identity.value}.pem"


def make_certificates(
    folder: Path, *, identities: Iterable[Identity] = Identity, valid_days: int = VALID_DAYS
) -> CertificatePaths:
    """Make a certificate and a key for each identity in a folder.

    Args:
        folder: made when it is missing.
        identities: which ones; all by default.
        valid_days: life of the certificates [d].

    Raises:
        InputError: one of the files exists already; keys are never overwritten.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = CertificatePaths(folder)
    wanted = tuple(identities)
    for identity in wanted:
        for path in (paths.certificate(identity), paths.key(identity)):
            if path.exists():
                raise InputError(
                    f"{path} exists already; remove it to make a new certificate, and pin the "
                    "new one at every partner"
                )
    for identity in wanted:
        key = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
        certificate = _self_signed(identity, key, valid_days)
        _store_private(paths.key(identity), _pem(key))
        paths.certificate(identity).write_bytes(
            certificate.public_bytes(serialization.Encoding.DER)
        )
    return paths


def _pem(key: rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _store_private(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.writelines([content])


def _self_signed(identity: Identity, key: rsa.RSAPrivateKey, valid_days: int) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"operator-agent {identity.value}")])
    role = (
        ExtendedKeyUsageOID.SERVER_AUTH
        if identity is Identity.PLANT
        else ExtendedKeyUsageOID.CLIENT_AUTH
    )
    names = [
        x509.UniformResourceIdentifier(identity.application_uri),
        x509.DNSName("localhost"),
        x509.DNSName(socket.gethostname()),
        x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
    ]
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_SKEW)
        .not_valid_after(now + timedelta(days=valid_days))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(), critical=True)
        .add_extension(x509.ExtendedKeyUsage([role]), critical=False)
        .sign(key, hashes.SHA256())
    )


def _key_usage() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=True,
        key_encipherment=True,
        data_encipherment=True,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def load_certificate(path: Path) -> x509.Certificate:
    """Return a certificate from a DER file.

    Raises:
        LinkError: the file is missing or no certificate, so that nothing could be pinned.
    """
    try:
        return x509.load_der_x509_certificate(path.read_bytes())
    except (OSError, ValueError) as error:
        raise LinkError(
            f"certificate {path} cannot be read ({error}); a link without a pinned certificate "
            "is never opened: make certificates, or copy the partner's"
        ) from error


def check_valid(path: Path, now: datetime) -> str:
    """Return a warning when a certificate expires soon, else an empty text.

    Args:
        path: of the certificate (DER).
        now: with time zone.

    Raises:
        LinkError: it is missing, not yet valid, or expired.
    """
    certificate = load_certificate(path)
    last = certificate.not_valid_after_utc
    if not certificate.not_valid_before_utc <= now <= last:
        raise LinkError(
            f"certificate {path} is valid from {certificate.not_valid_before_utc:%Y-%m-%d} to "
            f"{last:%Y-%m-%d}, not now ({now:%Y-%m-%d}); make and pin a new one"
        )
    if last - now < timedelta(days=EXPIRY_WARNING_DAYS):
        return f"certificate {path} expires on {last:%Y-%m-%d}; make and pin a new one before"
    return ""
