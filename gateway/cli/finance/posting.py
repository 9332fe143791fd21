"""Books adjustments: by the running gateway, or here where none runs."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

import typer

from gateway.app.adjusting import adjusting_here
from gateway.cli.terminal.addressee import Addressee
from gateway.cli.terminal.admin_client import NoAnswer, ask
from gateway.config.load import Loaded
from gateway.core.ledger.adjustment import Adjustment
from gateway.engine.money.adjusting import BATCH_MAX, Adjusting, Posted
from gateway.ports import LedgerUnavailable
from gateway.reports.finance.reconciliation import adjustment_document


class Posting:
    """To be entered through ``posting``. Adding up what it booked is its owner's way to say what was done."""

    def __init__(self, loaded: Loaded, to: Addressee, stack: ExitStack, *, who: str, why: str) -> None:
        self._loaded, self._to, self._stack = loaded, to, stack
        self._who, self._why = who, why
        self._here: tuple[asyncio.Runner, Adjusting] | None = None
        self._greeted = False
        self.booked = self.repeated = 0

    def post(self, adjustments: Sequence[Adjustment]) -> None:
        """Batches of up to ``BATCH_MAX`` are booked whole or not at all, one after the other, durably.

        Raises ``Declined``, ``OtherGateway``, ``Unbookable``, ``LedgerUnavailable`` and ``AuditUnavailable``.
        """
        for begin in range(0, len(adjustments), BATCH_MAX):
            posted = self._post(adjustments[begin : begin + BATCH_MAX])
            self.booked, self.repeated = self.booked + posted.booked, self.repeated + posted.repeated

    def _post(self, batch: Sequence[Adjustment]) -> Posted:
        if self._here is None:
            said = {"who": self._who, "why": self._why, "adjustments": [*map(adjustment_document, batch)]}
            try:
                if not self._greeted:
                    self._to.greet()
                    self._greeted = True
                answer = ask(f"{self._to.url}/ledger/adjustments", "POST", said)
                return Posted(int(answer["booked"]), int(answer["repeated"]))
            except NoAnswer as nobody:
                try:
                    self._here = self._opened()
                except LedgerUnavailable as error:
                    text = str(nobody)
                    raise LedgerUnavailable(f"{text[0].upper()}{text[1:]} Nor can it be booked here. {error}") from error
                typer.echo(f"gateway: {nobody} It is booked here instead, in the ledger of the configuration.", err=True)
        runner, adjusting = self._here
        return runner.run(adjusting.post(batch, who=self._who, why=self._why, client="local"))

    def _opened(self) -> tuple[asyncio.Runner, Adjusting]:
        runner = self._stack.enter_context(asyncio.Runner())
        here = adjusting_here(self._loaded)
        adjusting = runner.run(here.__aenter__())
        self._stack.callback(lambda: runner.run(here.__aexit__(None, None, None)))
        return runner, adjusting


@contextmanager
def posting(loaded: Loaded, to: Addressee, *, who: str, why: str) -> Iterator[Posting]:
    """What posts to the gateway at ``to`` or, from the first time that nobody answers there, to the ledger itself."""
    with ExitStack() as stack:
        yield Posting(loaded, to, stack, who=who, why=why)
