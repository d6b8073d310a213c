"""A plain asyncua server without security: `python -m benchmarks.io.plain_server PORT COUNT`.

It holds COUNT writable numbers, prints one line when it listens, and ends with its standard input.
"""

import asyncio
import logging
import sys

from asyncua.server.server import Server

NAMESPACE_URI = "urn:operator-agent:benchmark"


async def main(port: int, count: int) -> None:
    """Serve until standard input closes."""
    logging.getLogger("asyncua").setLevel(logging.ERROR)  # it warns that nothing is secured
    server = Server()
    await server.init()
    server.set_endpoint(f"opc.tcp://127.0.0.1:{port}/plain")
    index = await server.register_namespace(NAMESPACE_URI)
    for number in range(count):
        variable = await server.nodes.objects.add_variable(f"ns={index};s=V{number}", "V", 1.0)
        await variable.set_writable()
    async with server:
        print(index, flush=True)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
