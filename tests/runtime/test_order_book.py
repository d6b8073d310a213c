"""The order book: what people ordered is signed, chained, and read once."""

import json
from pathlib import Path

import pytest
from tests.runtime.conftest import SITE
from typer.testing import CliRunner

from operator_agent.errors import InputError, SignatureError
from operator_agent.mpc.status.orders import Order, OrderKind
from operator_agent.runtime.cli_site import control_app
from operator_agent.runtime.order_book import OrderBook, standing_orders
from operator_agent.runtime.site_file import load_site
from operator_agent.runtime.state_folder import StateFolder, make_keys
from operator_agent.site import Limits

KEY = b"k" * 32
OUT = Order(OrderKind.OUT, "FC1021", "Kim", "valve sticks")
BACK = Order(OrderKind.BACK, "FC1021", "Lee")


def test_orders_are_read_once_and_stand_after_a_restart(tmp_path: Path) -> None:
    site, path = load_site(SITE), tmp_path / "orders.jsonl"
    reader = OrderBook(path, KEY)
    assert reader.fresh() == ()
    OrderBook(path, KEY).append(OUT, 10.0)
    assert [entry.order for entry in reader.fresh()] == [OUT]
    assert reader.fresh() == ()
    standing, _ = standing_orders(site, OrderBook(path, KEY))
    assert "Kim: valve sticks" in standing.out_of_service["FC1021"]
    OrderBook(path, KEY).append(BACK, 20.0)
    assert [entry.number for entry in reader.fresh()] == [2]
    assert standing_orders(site, OrderBook(path, KEY))[0].out_of_service == {}


def test_limits_survive_the_book_exactly(tmp_path: Path) -> None:
    order = Order(OrderKind.LIMITS, "AC1104", "Kim", limits=Limits(high=700.123456789))
    entry = OrderBook(tmp_path / "orders.jsonl", KEY).append(order, 1.0)
    assert entry.order == order


def test_half_a_line_is_left_until_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "orders.jsonl"
    OrderBook(path, KEY).append(OUT, 1.0)
    OrderBook(path, KEY).append(BACK, 2.0)
    first, second = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(first + second[:40])
    reader = OrderBook(path, KEY)
    assert len(reader.fresh()) == 1
    path.write_bytes(first + second)
    assert len(reader.fresh()) == 1


def _altered(lines: list[str]) -> list[str]:
    found = json.loads(lines[0])
    return [json.dumps({**found, "tag": "FC1022"}), *lines[1:]]


@pytest.mark.parametrize(
    "spoil",
    [_altered, lambda lines: lines[1:], lambda lines: [lines[0], *lines], lambda _: ["no json"]],
    ids=["altered", "first line gone", "repeated", "no JSON"],
)
def test_a_book_that_was_touched_is_refused(tmp_path: Path, spoil) -> None:
    path = tmp_path / "orders.jsonl"
    OrderBook(path, KEY).append(OUT, 1.0)
    OrderBook(path, KEY).append(BACK, 2.0)
    path.write_text("\n".join(spoil(path.read_text().splitlines())) + "\n")
    with pytest.raises(SignatureError, match="order"):
        OrderBook(path, KEY).fresh()


def test_another_key_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "orders.jsonl"
    OrderBook(path, KEY).append(OUT, 1.0)
    with pytest.raises(SignatureError, match="another key"):
        OrderBook(path, b"x" * 32).fresh()


def test_the_commands_enter_show_and_refuse_orders(tmp_path: Path) -> None:
    state = tmp_path / "state"
    make_keys(load_site(SITE), StateFolder(state))

    def control(*words: str):
        arguments = [words[0], str(SITE), *words[1:], "--state", str(state)]
        return CliRunner(env={"COLUMNS": "200"}).invoke(control_app, arguments)

    assert control("out", "FC1021", "--person", "Kim", "--reason", "valve sticks").exit_code == 0
    limits = control("limits", "TC1010", "--person", "Kim", "--high", "125")
    assert limits.exit_code == 0, limits.output
    shown = control("orders").output
    assert "FC1021 out by Kim: valve sticks" in shown and "TC1010 limits" in shown
    assert "Out of service: FC1021 taken out of service by Kim" in shown
    found = json.loads(control("orders", "--json").output)
    assert [row["kind"] for row in found["orders"]] == ["out", "limits"]
    for words, text in (
        (("out", "FC1001", "--person", "Kim"), "critical"),
        (("out", "XX9", "--person", "Kim"), "XX9"),
        (("limits", "TC1010", "--person", "Kim", "--high", "900"), "operator limits"),
    ):
        refused = control(*words)
        assert isinstance(refused.exception, InputError) and text in str(refused.exception)
    assert control("back", "FC1021", "--person", "Lee").exit_code == 0
    assert "Out of service: nothing" in control("orders").output
