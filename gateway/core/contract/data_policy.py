"""Where an app's prompts and images may go: its policy, compared with what a contract says of their handling (law 8)."""

from dataclasses import dataclass
from enum import StrEnum


class Subject(StrEnum):
    """What is handled."""

    PROMPTS = "prompts"
    REFERENCE_IMAGES = "reference_images"
    OUTPUTS = "outputs"


@dataclass(frozen=True, slots=True)
class SubjectTerms:
    """How a provider handles one subject; ``None`` where the contract does not say, which satisfies no policy.

    ``regions``: where it may be processed, ``()`` for anywhere.
    """

    training: bool | None = None
    retention_days: int | None = None
    regions: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Handling:
    """A contract's terms by subject."""

    prompts: SubjectTerms = SubjectTerms()
    reference_images: SubjectTerms = SubjectTerms()
    outputs: SubjectTerms = SubjectTerms()


@dataclass(frozen=True, slots=True)
class Demand:
    """What an app demands for one subject; ``None`` where it demands nothing. ``allowed`` false: it goes nowhere."""

    allowed: bool = True
    training: bool | None = None
    retention_days_max: int | None = None
    regions: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class DataPolicy:
    """An app's demands by subject."""

    prompts: Demand = Demand()
    reference_images: Demand = Demand()
    outputs: Demand = Demand()


def breach(policy: DataPolicy, handling: Handling, *, references: bool) -> tuple[Subject, str] | None:
    """The first demand that the terms do not satisfy, in words; ``None`` where all are. ``references``: images come along."""
    for subject, demand, terms in (
        (Subject.PROMPTS, policy.prompts, handling.prompts),
        (Subject.REFERENCE_IMAGES, policy.reference_images, handling.reference_images),
        (Subject.OUTPUTS, policy.outputs, handling.outputs),
    ):
        if (references or subject is not Subject.REFERENCE_IMAGES) and (what := _unmet(demand, terms)):
            return subject, what
    return None


def _unmet(demand: Demand, terms: SubjectTerms) -> str | None:
    """Unknown terms satisfy nothing that is demanded."""
    if not demand.allowed:
        return "the app's policy lets them go nowhere"
    if demand.training is False and terms.training is not False:
        return "the contract does not rule training out"
    if demand.retention_days_max is not None and (
        terms.retention_days is None or terms.retention_days > demand.retention_days_max
    ):
        return f"the contract does not promise that they are deleted within {demand.retention_days_max} days"
    if demand.regions is not None and (not terms.regions or not demand.regions.issuperset(terms.regions)):
        return f"the contract does not promise that they stay in {', '.join(sorted(demand.regions))}"
    return None
