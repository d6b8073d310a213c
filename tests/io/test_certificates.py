"""Certificates are made once, kept private, and checked before use."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509

from operator_agent.errors import InputError, LinkError
from operator_agent.io.certificates import (
    Identity,
    check_valid,
    load_certificate,
    make_certificates,
)


def test_each_identity_has_its_uri_and_a_private_key(certificates):
    for identity in Identity:
        certificate = load_certificate(certificates.certificate(identity))
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        uris = names.get_values_for_type(x509.UniformResourceIdentifier)
        assert uris == [identity.application_uri]
        assert certificates.key(identity).stat().st_mode & 0o777 == 0o600


def test_existing_keys_are_never_overwritten(certificates):
    before = certificates.key(Identity.GATE).read_bytes()
    with pytest.raises(InputError, match="exists already"):
        make_certificates(certificates.folder)
    assert certificates.key(Identity.GATE).read_bytes() == before


def test_expiry_warns_ahead_and_refuses_after(certificates):
    path = certificates.certificate(Identity.GATE)
    now = datetime.now(UTC)
    assert check_valid(path, now) == ""
    assert "expires on" in check_valid(path, now + timedelta(days=340))
    with pytest.raises(LinkError, match="make and pin a new one"):
        check_valid(path, now + timedelta(days=366))


def test_a_file_that_is_no_certificate_is_not_pinned(tmp_path):
    path = tmp_path / "plant.der"
    path.write_bytes(b"nothing")
    with pytest.raises(LinkError, match="never opened"):
        load_certificate(path)
