"""Ask a running service for a plan: `python examples/orchestrator_client.py URL KEY`.

Start the service first, in another terminal; it prints its URL and, once, the key:

    operator-agent api serve cases/sites/crude_unit.yaml --new-key

The answer is set points in the units of the plant, for a person or a program to look at. The
service has no way to write them.
"""

import asyncio
import sys

from operator_agent.api.client import Orchestrator
from operator_agent.errors import LinkError, OperatorAgentError


async def main(url: str, key: str) -> None:
    """Show the control loop's mode, then a plan under two extra limits."""
    async with Orchestrator(url, key) as orchestrator:
        try:
            status = await orchestrator.invoke_module(module="control", operation="status")
            print(f"control loop: {status['mode']}, cycle {status['cycle']}")
        except LinkError as error:
            print(f"control loop: {error}")
        plan = await orchestrator.invoke_module(
            module="optimization",
            operation="process_optimization",
            constraints={"temp_coil_outlet_max_degc": 356.0, "flow_vol_feed_max_m3_h": 650.0},
            objectives=["profit"],
        )
    for name, value in {**plan["plan"], **plan["objective_values"]}.items():
        print(f"{name:36}{value:12.2f}")
    print("held by:", ", ".join(plan["active_limits"]))


if __name__ == "__main__":
    try:
        asyncio.run(main(*sys.argv[1:3]))
    except (OperatorAgentError, TypeError) as error:
        sys.exit(f"{type(error).__name__}: {error}")
