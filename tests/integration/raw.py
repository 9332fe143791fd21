"""Bytes on a socket, for what no client library would send."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

WAIT_S = 10


@dataclass
class Answer:
    """One answer, its framing undone."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def error(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)["error"]
        return found


class Raw:
    """A client's end of one connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def say(self, *parts: bytes, pause_s: float = 0) -> None:
        for part in parts:
            self.writer.write(part)
            await self.writer.drain()
            await asyncio.sleep(pause_s)

    async def answer(self, *, bodiless: bool = False) -> Answer:
        async with asyncio.timeout(WAIT_S):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            first, *lines = head.split("\r\n")[:-2]
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
            answer = Answer(int(first.split(" ")[1]), headers)
            if bodiless or answer.status in (100, 204, 304):
                return answer
            if headers.get("transfer-encoding") == "chunked":
                while size := int(await self.reader.readline(), 16):
                    answer.body += (await self.reader.readexactly(size + 2))[:-2]
                await self.reader.readline()
            elif "content-length" in headers:
                answer.body = await self.reader.readexactly(int(headers["content-length"]))
            else:
                answer.body = await self.reader.read()
            return answer

    async def closed(self) -> bool:
        """Whether the server ends the connection, with nothing more said."""
        async with asyncio.timeout(WAIT_S):
            try:
                return await self.reader.read(1) == b""
            except ConnectionError:
                return True


@asynccontextmanager
async def raw(url: str) -> AsyncIterator[Raw]:
    """A connection to the server at ``url``."""
    found = urlsplit(url)
    reader, writer = await asyncio.open_connection(found.hostname, found.port)
    try:
        yield Raw(reader, writer)
    finally:
        writer.close()
