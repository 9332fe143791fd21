"""What is recorded of a route, step by step along the readiness path."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from gateway.core.contract.capability import Capabilities, SizeRule
from gateway.core.contract.contract import (
    Contract,
    DataTerms,
    FailureTerms,
    Limits,
    ModelMapping,
    OnAmbiguous,
    RecordedLimit,
    Support,
    Verification,
    VerificationState,
)
from gateway.core.outcome import Owner
from gateway.core.readiness.path import PATH, Step, StepState
from gateway.core.readiness.recorded import current, listed, recorded, unlisted
from gateway.core.snapshot import Retirement, Snapshot
from tests.unit.core.samples import CONTRACT, MODEL, ROUTE, TODAY, snapshot

PASSED, WARNED, STOPPED = StepState.PASSED, StepState.WARNED, StepState.STOPPED


def limit(days_ago: int = 0, model: str = "gpt-image-2") -> RecordedLimit:
    return RecordedLimit(model, "images_per_minute", 50, TODAY - timedelta(days=days_ago), "a page")


COMPLETE = replace(
    CONTRACT,
    limits=Limits("OpenAI", "3", (limit(),)),
    verification=Verification(VerificationState.VERIFIED, TODAY - timedelta(days=30)),
)
DECLARED = Capabilities(sizes=frozenset({"1024x1024"}), qualities=frozenset({"low"}))
READY = replace(ROUTE, contract=COMPLETE, capabilities=DECLARED)


def steps_of(contract: Contract = COMPLETE, **route: Any) -> dict[str, Step]:
    return {step.id: step for step in recorded(replace(READY, contract=contract, **route), TODAY)}


def known(recorded_on: date | None = TODAY, retirement: Retirement | None = None) -> Snapshot:
    found = snapshot(MODEL)
    catalogued = {"gpt-image-2": recorded_on} if recorded_on else {}
    return replace(found, catalogued=catalogued, retirements={"gpt-image-2": retirement} if retirement else {})


def retiring(days: int, successor: str = "gpt-image-3") -> Retirement:
    return Retirement(TODAY + timedelta(days=days), successor, "a page")


@pytest.mark.parametrize(
    ("found", "state", "words"),
    [
        (known(), PASSED, "as read on 2026-11-23"),
        (known(None), WARNED, "no entry for 'gpt-image-2'"),
        (known(retirement=retiring(61)), PASSED, "is in the catalogue"),
        (known(retirement=retiring(60)), WARNED, "in 60 days"),
        (known(retirement=retiring(0)), STOPPED, "recommends 'gpt-image-3'"),
        (known(retirement=retiring(-1, "")), STOPPED, "was shut down on 2026-11-22."),
    ],
)
def test_a_model_is_current_or_not(found: Snapshot, state: StepState, words: str) -> None:
    """By the catalogue's entry and its retirement; a retired one is the route's owner's to change."""
    step = current(READY, found, TODAY)
    assert (step.state, step.owner) == (state, Owner.ROUTE if state is STOPPED else None)
    assert words in step.detail


def test_a_list_of_models_proves_nothing_either_way() -> None:
    """Neither being on it, nor not being on it, nor that there is none."""
    there, missing, none = listed(READY, {"gpt-image-2"}), listed(READY, {"a", "b"}), unlisted("status 404.")
    assert [step.state for step in (there, missing, none)] == [PASSED, WARNED, WARNED]
    assert "proves neither" in there.detail
    assert "among 2" in missing.detail
    assert "status 404" in none.detail


def test_a_complete_record_passes_every_step() -> None:
    """In the order of the path."""
    steps = steps_of()
    assert {step.state for step in steps.values()} == {PASSED}
    assert list(steps) == list(PATH)[2:9]


def limits(tier: str, *found: RecordedLimit, owner: str = "OpenAI") -> Contract:
    return replace(COMPLETE, limits=Limits(owner, tier, found))


def verified(state: VerificationState, on: date | None = TODAY) -> Contract:
    return replace(COMPLETE, verification=Verification(state, on))


TERMS = COMPLETE.data


@pytest.mark.parametrize(
    ("id_", "contract", "state", "owner", "words"),
    [
        ("free", limits("Free", limit()), STOPPED, Owner.ACCOUNT, "not supported"),
        ("free", limits(" tier free ", limit()), STOPPED, Owner.ACCOUNT, "not supported"),
        ("free", limits("unknown", limit()), WARNED, None, "not ruled out"),
        ("limits", limits("unknown", limit()), STOPPED, Owner.ACCOUNT, "limits.usage_tier"),
        ("limits", limits("3"), STOPPED, Owner.ACCOUNT, "No limit is recorded for 'gpt-image-2'"),
        ("limits", limits("3", limit(model="other")), STOPPED, Owner.ACCOUNT, "No limit is recorded"),
        ("limits", limits("3", limit(30)), PASSED, None, "read on 2026-10-24"),
        ("limits", limits("3", limit(), limit(31)), STOPPED, Owner.ACCOUNT, "31 days ago"),
        ("verification", verified(VerificationState.UNVERIFIED), STOPPED, Owner.VERIFICATION, "unverified"),
        ("verification", verified(VerificationState.UNKNOWN, None), WARNED, None, "unknown"),
        ("verification", verified(VerificationState.NOT_REQUIRED, None), PASSED, None, "does not require"),
        ("verification", verified(VerificationState.VERIFIED, None), WARNED, None, "look again"),
        ("verification", verified(VerificationState.VERIFIED, TODAY - timedelta(days=31)), WARNED, None, "look again"),
        ("mapping", replace(COMPLETE, model_mapping=ModelMapping("Unknown", verifiable=True)), STOPPED, Owner.ROUTE, "statement"),
        ("mapping", replace(COMPLETE, model_mapping=ModelMapping("as named", verifiable=False)), WARNED, None, "as named"),
        ("ownership", replace(COMPLETE, effective_to=TODAY), STOPPED, Owner.ROUTE, "not in force"),
        (
            "ownership",
            replace(COMPLETE, support=Support("unknown", "help"), failure=FailureTerms("none", " ", OnAmbiguous.FAIL)),
            STOPPED,
            Owner.ROUTE,
            "failure.refunds, support.owner",
        ),
        ("ownership", limits("3", limit(), owner="unknown"), STOPPED, Owner.ROUTE, "limits.owner"),
        ("data", replace(COMPLETE, data=replace(TERMS, region="unknown")), STOPPED, Owner.ROUTE, "data.region"),
        (
            "data",
            replace(COMPLETE, data=DataTerms(*(["unknown"] * 5))),
            STOPPED,
            Owner.ROUTE,
            "data.reference_images, data.outputs",
        ),
    ],
)
def test_a_gap_in_the_record_is_found(id_: str, contract: Contract, state: StepState, owner: Owner | None, words: str) -> None:
    """A stop names its owner, what to check first and what not to do before; a warning lets the walk go on."""
    step = steps_of(contract)[id_]
    assert (step.state, step.owner) == (state, owner)
    assert words in step.detail + step.stop_rule
    assert bool(step.first_check and step.stop_rule) is (state is STOPPED)


def test_nothing_is_looked_at_behind_a_stop() -> None:
    """The first thing to mend comes first."""
    assert list(steps_of(limits("Free"))) == ["free"]


def test_free_is_no_verdict_on_other_models() -> None:
    """What is published of Free concerns GPT image models."""
    step = steps_of(limits("Free", limit(model="flux-2")), upstream_model="flux-2")["free"]
    assert (step.state, step.owner) == (WARNED, None)


@pytest.mark.parametrize(
    ("capabilities", "state", "owner"),
    [
        (None, STOPPED, Owner.ROUTE),
        (Capabilities(), WARNED, None),
        (Capabilities(sizes=frozenset({"1024x1024"})), WARNED, None),
        (Capabilities(size_rule=SizeRule(16, 3840, 3, 655_360, 8_294_400), qualities=frozenset({"low"})), PASSED, None),
    ],
)
def test_what_is_not_declared_cannot_be_compared(
    capabilities: Capabilities | None, state: StepState, owner: Owner | None
) -> None:
    """Whether production can reproduce a request shows only against what the route declares."""
    step = steps_of(capabilities=capabilities)["reproduction"]
    assert (step.state, step.owner) == (state, owner)
