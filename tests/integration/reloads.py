"""A gateway whose configuration a test edits while it runs, and how a test learns that an edit has been read."""

import asyncio
import json
import shutil
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.integration.programs import CONFIG, House, build_house, run, without_limits

DEADLINE_S = 15


def tell(url: str, method: str = "GET", body: Any = None, **headers: str) -> tuple[int, dict[str, Any]]:
    """Status and object of one answer of the admin plane; a header named ``content_type`` is the content type."""
    found = {"content-type": "application/json"} | {name.replace("_", "-"): value for name, value in headers.items()}
    data = None if body is None else json.dumps(body).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data, found, method=method), timeout=10) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read()) | {"media_type": error.headers["content-type"]}


@dataclass(frozen=True)
class Site:
    """A house with a configuration of its own; ``pristine`` is the folder that it was copied from."""

    house: House
    config: Path
    pristine: Path

    def admin(self, path: str, method: str = "GET", body: Any = None, **headers: str) -> tuple[int, dict[str, Any]]:
        return tell(self.house.admin_url + path, method, body, **headers)

    def in_force(self) -> dict[str, Any]:
        return self.admin("/config")[1]

    def route(self, route: str) -> dict[str, Any]:
        return next(it for it in self.admin("/routes")[1]["routes"] if it["id"] == route)

    def metrics(self) -> str:
        with urllib.request.urlopen(f"{self.house.admin_url}/metrics", timeout=10) as answer:
            text: str = answer.read().decode()
        return text

    def routes(self, *arguments: str) -> Any:
        """Run ``gateway routes`` against this gateway."""
        return run("routes", *arguments, environment=self.house.environment | {"GATEWAY_ADMIN_URL": self.house.admin_url})

    async def until(self, found: Callable[["Site"], Any]) -> Any:
        """What is ``found``, once it is."""
        async with asyncio.timeout(DEADLINE_S):
            while not (it := await asyncio.to_thread(found, self)):
                await asyncio.sleep(0.02)
        return it

    async def after(self, edit: Callable[[], object], result: str = "applied") -> dict[str, Any]:
        """The reload that follows an edit, once one has ended so."""
        before = await self.watched()
        await asyncio.to_thread(edit)
        ended: dict[str, Any] = await self.until(lambda site: _later(site.in_force()["last_reload"], before, result))
        return ended

    async def watched(self) -> str:
        """When the latest reload ended: the first one comes once the files are watched."""
        last: dict[str, Any] = await self.until(lambda site: site.in_force()["last_reload"])
        return str(last["at"])


def build_site(folder: Path) -> Site:
    """Start a house in ``folder``, with a copy of the demo's configuration."""
    shutil.copytree(CONFIG.parent, folder / "pristine")
    without_limits(folder / "pristine")
    shutil.copytree(folder / "pristine", folder / "config")
    config = folder / "config" / "gateway.yaml"
    return Site(build_house(folder, config), config, folder / "pristine")


def replaced(path: Path, old: str, new: str) -> str:
    """The file's text with one passage replaced."""
    text = path.read_text()
    assert text.count(old) == 1, (old, text.count(old))
    return text.replace(old, new)


def _later(last: dict[str, Any], before: str, result: str) -> dict[str, Any] | None:
    return last if last["at"] > before and last["result"] == result else None
