"""The admin plane answers to its own names only: it has no login, and a page may give any address a name of its own."""

from ipaddress import ip_address

from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.listener import REFUSED
from gateway.server.admin_problem import problem
from gateway.server.head import as_get, head_of

_EVERYWHERE = frozenset({"0.0.0.0", "::"})  # noqa: S104 -- where it listens, not where this listens


class HostGuard:
    """Plain ASGI middleware: refuses a request whose Host is no name of the plane (421), against DNS rebinding.

    Its names are those of loopback, ``bound`` (every address where it is bound to all), and ``more``.
    """

    def __init__(self, app: ASGIApp, bound: str, more: tuple[str, ...]) -> None:
        self._app, self._bound = app, bound
        self._names = frozenset({"localhost", bound.lower(), *(name.lower() for name in more)})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] == REFUSED:
            why = scope["refusal"]
            answer = problem(why.status, why.message, field="", rule=why.reason, fix="Send it as HTTP has it.")
        elif not self._knows(_name_of(head_of(scope).get("host", ""))):
            rule = "localhost, a loopback address, the address it listens on (admin.host), or a name in admin.hosts"
            fix = "Ask for it by one of these, or add this name to admin.hosts."
            answer = problem(421, "The admin plane does not answer to this Host.", field="host", rule=rule, fix=fix)
        else:
            await self._app(as_get(scope), receive, send)
            return
        await answer(scope, receive, send)

    def _knows(self, name: str) -> bool:
        if name in self._names:
            return True
        try:
            address = ip_address(name)
        except ValueError:
            return False
        return address.is_loopback or self._bound in _EVERYWHERE


def _name_of(host: str) -> str:
    """Without the port and the brackets of an IPv6 address."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower().removesuffix(".")
