"""Plan a refinery case and see what a price does: `python examples/plan_a_case.py`.

The case file holds crudes, prices, capacities and specifications with their units and sources. The
plan is solved twice: as it stands, and with jet a tenth dearer; the difference is what the market
tells the crude unit.
"""

from pathlib import Path

from operator_agent.planning.case_changes import with_price_factors
from operator_agent.planning.case_file import load_case
from operator_agent.planning.solve import solve_case

CASE = Path(__file__).resolve().parents[1] / "cases" / "refinery" / "three_crudes.yaml"


def main() -> None:
    """Solve both plans and print what changes for the crude unit."""
    case = load_case(CASE)
    before = solve_case(case).targets()
    after = solve_case(with_price_factors(case, {"jet": 1.1})).targets()
    print(f"{'target of the crude unit [SI]':32}{'as it is':>12}{'jet +10 %':>12}")
    print(f"{'flow_vol_feed':32}{before.flow_vol_feed:12.4f}{after.flow_vol_feed:12.4f}")
    for name, value in before.targets.items():
        print(f"{name:32}{value:12.2f}{after.targets[name]:12.2f}")
    for name, price in before.stream_prices.items():
        print(f"{'worth of ' + name:32}{price:12.1f}{after.stream_prices[name]:12.1f}")


if __name__ == "__main__":
    main()
