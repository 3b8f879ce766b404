"""A relay in front of the origin that keeps what its callers send: runs in a pod, on Python alone.

python3 recorder.py HOST PORT FILE
"""

from __future__ import annotations

import asyncio
import sys
from asyncio import StreamReader, StreamWriter
from typing import BinaryIO


async def pump(reader: StreamReader, writer: StreamWriter, record: BinaryIO | None = None) -> None:
    """Pass on until the end; a copy goes to ``record``."""
    try:
        while content := await reader.read(65536):
            if record:
                record.write(content)
                record.flush()
            writer.write(content)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()


async def main(host: str, port: str, file: str) -> None:
    """Take connections for ever."""
    with open(file, "ab") as record:

        async def relay(reader: StreamReader, writer: StreamWriter) -> None:
            origin_reader, origin_writer = await asyncio.open_connection(host, int(port))
            await asyncio.gather(pump(reader, origin_writer, record), pump(origin_reader, writer))

        server = await asyncio.start_server(relay, "0.0.0.0", 1094)
        await server.serve_forever()


asyncio.run(main(*sys.argv[1:]))
