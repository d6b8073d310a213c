"""A site of some thirty tags for the tests of the links and the gate."""

from operator_agent.site import (
    Endpoints,
    GateSettings,
    Limits,
    Role,
    SafetySettings,
    SampleTimes,
    Site,
    Tag,
)

N_MV = 9
N_CV = 12
START_S = 1_800_000_000.0
CONTROL_S = 60.0


def mv(number: int) -> Tag:
    """Return the set point number: coil temperatures in degC and flows in m3/h."""
    name = f"MV{number:02d}"
    nodes = {
        "node": f"{name}.PV",
        "setpoint_node": f"{name}.SP",
        "mode_node": f"{name}.MODE",
        "critical": number == 0,
    }
    if number == 0:
        return Tag(
            name, "coil outlet", Role.MV, f"u{number}", "degC",
            engineering=Limits(600.0, 660.0), operator=Limits(610.0, 650.0), rate=0.05, **nodes,
        )  # fmt: skip
    return Tag(
        name, "draw", Role.MV, f"u{number}", "m3/h",
        engineering=Limits(0.01, 0.12), operator=Limits(0.02, 0.10), rate=0.0001, **nodes,
    )  # fmt: skip


def cv(number: int) -> Tag:
    """Return the measured temperature number."""
    name = f"CV{number:02d}"
    return Tag(
        name, "quality", Role.CV, f"y{number}", "degC", node=f"{name}.PV", critical=number == 0,
        engineering=Limits(200.0, 900.0), operator=Limits(250.0, 850.0), frozen_s=600.0,
    )  # fmt: skip


def example_site(dcs_port: int = 4840, gate_port: int = 0, plc_port: int = 0) -> Site:
    """Return the site with its servers on the given loopback ports."""
    dvs = (
        Tag("DV00", "preheat", Role.DV, "d0", "degC", register=10),
        Tag("DV01", "ambient", Role.DV, "d1", "degC", register=12),
    )
    dcs = f"opc.tcp://127.0.0.1:{dcs_port}/dcs"
    return Site(
        name="example",
        namespace_uri="urn:example:dcs",
        heartbeat_node="APC.HEARTBEAT",
        lease_node="APC.LEASE",
        time_node="PLANT.TIME",
        tags=tuple(mv(i) for i in range(N_MV)) + tuple(cv(i) for i in range(N_CV)) + dvs,
        safety=SafetySettings(700.0, 5e6, 0.001, 0.05),
        endpoints=Endpoints(
            dcs_endpoint=dcs,
            scada_endpoint=dcs,
            plc_endpoint=f"modbus.tcp://127.0.0.1:{plc_port}",
            gate_endpoint=f"tcp://127.0.0.1:{gate_port}",
            api_endpoint="http://127.0.0.1:8000",
        ),
        sample_times=SampleTimes(CONTROL_S, 600.0, 3600.0),
        gate=GateSettings(
            max_move_age_s=5.0,
            write_timeout_s=0.8,
            read_back_tolerance=0.001,
            max_residual=1e-6,
            max_holds=3,
            max_refusals=4,
            window_cycles=10,
            window_fraction=0.5,
            heartbeat_timeout_s=180.0,
        ),
        files={},
        config_sha256="0" * 64,
    )
