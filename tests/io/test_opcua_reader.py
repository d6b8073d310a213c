"""The reader against a real server in its own process."""

import asyncio
import math
import time
from pathlib import Path

import pytest
from asyncua.client.client import Client
from asyncua.crypto.security_policies import SecurityPolicyBasic256Sha256
from asyncua.crypto.uacrypto import CertProperties
from conftest import PlantProcess
from example_site import N_CV, N_MV, example_site

from operator_agent.errors import LinkError
from operator_agent.io.certificates import CertificatePaths, Identity, make_certificates
from operator_agent.io.opcua_link import LINK_FAULTS
from operator_agent.io.opcua_reader import OpcuaReader
from operator_agent.messages import Quality


def reader(plant: PlantProcess, certificates: CertificatePaths, **options) -> OpcuaReader:
    return OpcuaReader(example_site(plant.port), certificates, **options)


def run(work):
    return asyncio.run(asyncio.wait_for(work, 30.0))


def test_a_scan_gives_all_tags_set_points_and_modes_in_si(plant, certificates):
    async def work():
        link = reader(plant, certificates)
        scan = await link.scan()
        await link.close()
        return scan

    plant.step(values={"CV03": 350.0})
    scan = run(work())
    assert len(scan.readings) == N_MV + N_CV
    assert all(reading.good for reading in scan.readings), scan.readings
    assert scan.reading("CV03").value == pytest.approx(350.0, abs=1e-9)
    assert scan.setpoints["MV00"].value == pytest.approx(630.0)
    assert set(scan.modes.values()) == {"RCAS"}
    assert scan.plant_time_s == plant.time_s


def test_bad_uncertain_missing_and_late_values_are_named(plant, certificates):
    async def work():
        link = reader(plant, certificates)
        scan = await link.scan()
        await link.close()
        return scan

    plant.step(quality={"CV01": "bad", "CV02": "uncertain"})
    plant.step(quality={"CV01": "bad", "CV02": "uncertain"}, without=["CV04"])
    plant.step(quality={"CV01": "bad", "CV02": "uncertain"}, without=["CV04"], values={"CV05": 9e9})
    plant.step(quality={"CV01": "bad", "CV02": "uncertain"}, without=["CV04"], values={"CV05": 9e9})
    scan = run(work())
    assert scan.reading("CV01").quality is Quality.BAD
    assert "BadSensorFailure" in scan.reading("CV01").reason
    assert math.isnan(scan.reading("CV01").value)
    assert scan.reading("CV02").quality is Quality.UNCERTAIN
    assert "time stamp is 180 s old" in scan.reading("CV04").reason
    assert "outside of what it can measure" in scan.reading("CV05").reason
    assert sum(not reading.good for reading in scan.readings) == 4


def test_plant_time_that_stands_still_makes_everything_bad(plant, certificates):
    async def work():
        link = reader(plant, certificates, stall_s=1e-9)
        first = await link.scan()
        second = await link.scan()
        await link.close()
        return first, second

    first, second = run(work())
    assert all(reading.good for reading in first.readings)
    assert not any(reading.good for reading in second.readings)
    assert "stands still" in second.readings[0].reason


def test_an_unreachable_server_is_a_link_error_with_the_endpoint(certificates):
    async def work():
        await OpcuaReader(example_site(9), certificates).scan()

    with pytest.raises(LinkError, match=r"opc.tcp://127.0.0.1:9/dcs is out of reach"):
        run(work())


def test_a_client_whose_certificate_is_not_pinned_is_rejected(plant, certificates, tmp_path):
    stranger = make_certificates(tmp_path / "stranger", identities=[Identity.READER])
    stranger.certificate(Identity.PLANT).write_bytes(
        certificates.certificate(Identity.PLANT).read_bytes()
    )
    with pytest.raises(LinkError, match="do not trust each other"):
        run(reader(plant, stranger).scan())


def test_a_server_with_another_certificate_than_the_pinned_one_is_rejected(
    plant: PlantProcess, certificates: CertificatePaths, tmp_path: Path
):
    other = make_certificates(tmp_path / "other", identities=[Identity.PLANT])
    for path in (certificates.certificate(Identity.READER), certificates.key(Identity.READER)):
        (other.folder / path.name).write_bytes(path.read_bytes())
    with pytest.raises(LinkError, match=r"do not trust each other|the one pinned for the server"):
        run(reader(plant, other).scan())


def test_without_a_pinned_server_certificate_nothing_is_opened(plant, certificates, tmp_path):
    lonely = make_certificates(tmp_path / "lonely", identities=[Identity.READER])
    with pytest.raises(LinkError, match="never opened"):
        run(reader(plant, lonely).scan())


def test_an_expired_certificate_is_refused(plant, certificates, tmp_path):
    old = make_certificates(tmp_path / "old", identities=[Identity.READER], valid_days=0)
    old.certificate(Identity.PLANT).write_bytes(
        certificates.certificate(Identity.PLANT).read_bytes()
    )
    with pytest.raises(LinkError, match="make and pin a new one"):
        run(reader(plant, old).scan())


def test_a_frozen_server_fails_the_scan_in_time_and_the_next_connects_afresh(plant, certificates):
    async def work():
        link = reader(plant, certificates)
        await link.scan()
        plant.freeze()
        started_s = time.monotonic()
        with pytest.raises(LinkError, match=r"no answer within 0\.8 s"):
            await link.scan()
        assert time.monotonic() - started_s < 3.0
        plant.thaw()
        scan = await link.scan()
        await link.close()
        return scan

    assert all(reading.good for reading in run(work()).readings)


@pytest.mark.slow
def test_a_killed_and_restarted_server_is_read_again(certificates, tmp_path):
    plant = PlantProcess(certificates, tmp_path)

    async def work():
        link = reader(plant, certificates)
        await link.scan()
        plant.kill()
        with pytest.raises(LinkError):
            await link.scan()
        with pytest.raises(LinkError, match="out of reach"):
            await link.scan()
        plant.start()
        tasks = len(asyncio.all_tasks())
        scan = await link.scan()
        await link.close()
        assert len(asyncio.all_tasks()) <= tasks
        return scan

    try:
        assert all(reading.good for reading in run(work()).readings)
    finally:
        plant.close()


def test_a_client_without_security_gets_no_session(plant):
    async def work():
        client = Client(example_site(plant.port).endpoints.dcs_endpoint, timeout=1.0)
        with pytest.raises(LINK_FAULTS):
            await client.connect()

    run(work())


def test_the_name_admin_opens_no_door(plant, certificates):
    async def work():
        client = Client(example_site(plant.port).endpoints.dcs_endpoint, timeout=1.0)
        client.application_uri = Identity.READER.application_uri
        await client.set_security(
            SecurityPolicyBasic256Sha256,
            CertProperties(certificates.certificate(Identity.READER), "der"),
            CertProperties(certificates.key(Identity.READER), "pem"),
            server_certificate=CertProperties(certificates.certificate(Identity.PLANT), "der"),
        )
        client.set_user("admin")
        client.set_password("")
        with pytest.raises(LINK_FAULTS):
            await client.connect()

    run(work())
