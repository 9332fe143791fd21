"""Keys that a command prints, such as access tokens of Microsoft Entra ID: it is run at the start, and again before they end."""

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from subprocess import DEVNULL, PIPE, Popen

from gateway.core.secret import Secret

OUTPUT_BYTES_MAX = 64 * 1024
# A token that ends is replaced so long before; one whose command fails is asked for again after so long.
BEFORE_END_S, AGAIN_S = 300.0, 30.0
# A provider may still repeat a key that was replaced.
FORMER_MAX = 4


class CommandFailed(Exception):
    """There is no token. Its text repeats nothing that the command has printed."""


@dataclass(frozen=True, slots=True)
class TokenCommand:
    """``run`` is a program and its arguments, no shell. ``member`` is the member of a JSON object that holds the token.

    Without it, all that is printed is the token. ``ends`` is the member that says when the token ends, in seconds since 1970.
    """

    run: tuple[str, ...]
    member: str
    ends: str
    refresh_s: float
    timeout_s: float


@dataclass(slots=True)
class _Kept:
    """The latest token and when to ask for the next, or why there is none."""

    text: str = field(default="", repr=False)
    failed: str = ""
    due_s: float = 0.0


class Tokens:
    """Runs commands, one at a time, and keeps what they printed. Used by several threads; ``clock`` is seconds since 1970."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._kept: dict[TokenCommand, _Kept] = {}
        self._keys: dict[str, Secret] = {}
        self._lock = threading.Lock()
        self._process: Popen[bytes] | None = None
        self._closed = False

    def text(self, command: TokenCommand) -> str:
        """What it has printed last; it is run where it never was. Raises ``CommandFailed``, also where the latest run failed."""
        with self._lock:
            kept = self._kept.get(command)
            if kept is None:
                kept = self._kept[command] = self._asked(command)
        if kept.failed:
            raise CommandFailed(kept.failed)
        return kept.text

    def remembered(self, provider: str, secret: Secret) -> Secret:
        """The provider's key, from wherever it comes, with those that it had before."""
        with self._lock:
            before = self._keys.get(provider)
            if before is not None:
                former = (before.reveal(), *before.former) if secret != before else before.former
                secret = Secret(secret.reveal(), former[:FORMER_MAX])
            self._keys[provider] = secret
        return secret

    def keep(self, commands: Iterable[TokenCommand]) -> None:
        """Forget all others."""
        wanted = set(commands)
        with self._lock:
            self._kept = {command: kept for command, kept in self._kept.items() if command in wanted}

    def due_in_s(self) -> float:
        """Until one has to be run again; infinite where there is none."""
        dues = [kept.due_s for kept in list(self._kept.values())]
        return max(min(dues) - self._clock(), 0.0) if dues else float("inf")

    def refresh(self) -> bool:
        """Run those that are due; whether there is another token, or another reason why there is none."""
        changed = False
        for command, kept in list(self._kept.items()):
            if kept.due_s > self._clock():
                continue
            with self._lock:
                found = self._asked(command)
                if self._kept.get(command) is kept:
                    self._kept[command] = found
                    changed |= (found.text, found.failed) != (kept.text, kept.failed)
        return changed

    def close(self) -> None:
        """End what is running, and run nothing any more."""
        self._closed = True
        if self._process is not None:
            _end(self._process)

    def _asked(self, command: TokenCommand) -> _Kept:
        now_s = self._clock()
        try:
            text, ends_s = _token(self._output(command), command)
        except CommandFailed as failed:
            return _Kept(failed=str(failed), due_s=now_s + AGAIN_S)
        due_s = min(now_s + command.refresh_s, ends_s - BEFORE_END_S)
        return _Kept(text, due_s=max(due_s, now_s + AGAIN_S))

    def _output(self, command: TokenCommand) -> bytes:
        if self._closed:
            raise CommandFailed("it was not run: the gateway stops")
        try:
            process = Popen(command.run, stdin=DEVNULL, stdout=PIPE, stderr=DEVNULL, start_new_session=True)  # noqa: S603 -- ops
        except (OSError, ValueError) as error:
            raise CommandFailed(
                f"it cannot be started: {getattr(error, 'strerror', None) or 'its words are not valid'}"
            ) from error
        self._process = process
        overdue = threading.Event()

        def end() -> None:
            overdue.set()
            _end(process)

        late = threading.Timer(command.timeout_s, end)
        late.start()
        try:
            assert process.stdout is not None  # noqa: S101 -- a pipe was asked for
            with process.stdout as stdout:
                output = stdout.read(OUTPUT_BYTES_MAX + 1)
            if len(output) > OUTPUT_BYTES_MAX:
                _end(process)
                raise CommandFailed(f"it prints more than {OUTPUT_BYTES_MAX} bytes")
            code = process.wait()
        finally:
            late.cancel()
            self._process = None
        if overdue.is_set():
            raise CommandFailed(f"it took longer than {command.timeout_s:g} s")
        if code != 0:
            raise CommandFailed(f"it ended with code {code}")
        return output


def _token(output: bytes, command: TokenCommand) -> tuple[str, float]:
    """The token, and when it ends."""
    text = output.decode("utf-8", "replace").strip()
    if not command.member:
        return text, float("inf")
    try:
        said = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CommandFailed("it printed no JSON object") from error
    token = said.get(command.member) if isinstance(said, dict) else None
    if not isinstance(token, str):
        raise CommandFailed(f"what it printed has no text '{command.member}'")
    ends = said.get(command.ends) if command.ends else float("inf")
    try:
        return token, float(ends)
    except (TypeError, ValueError) as error:
        raise CommandFailed(f"what it printed has no number '{command.ends}'") from error


def _end(process: Popen[bytes]) -> None:
    """It and whatever it has started."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
