"""A rule: by what a failure is recognised, whose it is, and what follows. Rules are data; their order is in ``__init__``."""

import re
from dataclasses import dataclass

from gateway.core.diagnosis.facts import Facts
from gateway.core.outcome import MAY_BE_BILLED, Confidence, Diagnosis, Outcome, Owner, Stage

# Where words and texts were seen.
OPENAI = "OpenAI's error guide and image guide, read 2026-11-23"
THREADS = "in public issue threads and documentation, read 2026-11-23"


_URL = re.compile(r"https?://[^\s\"'<>()\[\]{}]+")


@dataclass(frozen=True, slots=True)
class Rule:
    """It is recognised by a word or by a text, within ``stages`` and, where given, ``within`` these statuses and for ``params``.

    ``words`` are codes, types and reasons in lower case; ``texts`` stand in the message, in lower case. ``statuses`` count only
    where no rule recognises a word or a text. ``source`` is where all of them were seen. ``of_its_link``: only where it is
    about a link that the request itself has, if that is known.
    """

    id: str
    owner: Owner
    first_check: str
    stop_rule: str
    source: str
    stages: frozenset[Stage] = frozenset({Stage.STATUS, Stage.BODY})
    within: frozenset[int] | None = None
    params: frozenset[str] | None = None
    words: frozenset[str] = frozenset()
    texts: tuple[str, ...] = ()
    statuses: frozenset[int] | range = frozenset()
    outcome: Outcome = Outcome.REJECTED
    retryable: bool = False
    of_its_link: bool = False

    def recognises(self, facts: Facts, status: int, message: str) -> Confidence | None:
        """By what was said; ``None`` where it is not this one. ``status`` and ``message`` are the innermost error's."""
        if facts.stage not in self.stages or (self.within is not None and status not in self.within):
            return None
        if self.params is not None and facts.error.param not in self.params:
            return None
        if self.of_its_link and facts.links is not None and not _names_one_of(facts.links, message):
            return None
        if any(word in self.words for word in facts.error.words):
            return Confidence.HIGH
        return Confidence.MEDIUM if any(text in message for text in self.texts) else None

    def falls_back_on(self, facts: Facts, status: int) -> bool:
        """By how far it came and by the status alone."""
        if Stage.STATUS in self.stages:
            return facts.stage is Stage.STATUS and status in self.statuses
        return facts.stage in self.stages and not self.texts

    def diagnosis(self, confidence: Confidence, *, succeeded: bool = False) -> Diagnosis:
        """What it says of the failure; after a success, or a part of one (``succeeded``), nobody knows whether it was billed."""
        if succeeded:
            return Diagnosis(
                self.owner, self.id, self.first_check, MAY_BE_BILLED, Outcome.AMBIGUOUS, retryable=False, confidence=confidence
            )
        return Diagnosis(self.owner, self.id, self.first_check, self.stop_rule, self.outcome, self.retryable, confidence)


def _names_one_of(links: frozenset[str], message: str) -> bool:
    """There are links, and where the message (in lower case) names one, it is one of them, or the beginning of one."""
    own = [link.lower() for link in links]
    named = [url.rstrip(".,:;!?*…") for url in _URL.findall(message)]
    return bool(own) and all(any(link.startswith(url) for link in own) for url in named)
