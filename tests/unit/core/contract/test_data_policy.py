"""Where prompts and images may go: every demand against every kind of terms."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.contract.data_policy import DataPolicy, Demand, Handling, Subject, SubjectTerms, breach

SUBJECTS = list(Subject)


@pytest.mark.parametrize(
    ("demand", "terms", "said"),
    [
        (Demand(), SubjectTerms(), None),
        (Demand(allowed=False), SubjectTerms(training=False, retention_days=0, regions=("eu",)), "go nowhere"),
        (Demand(training=False), SubjectTerms(), "does not rule training out"),
        (Demand(training=False), SubjectTerms(training=True), "does not rule training out"),
        (Demand(training=False), SubjectTerms(training=False), None),
        (Demand(training=True), SubjectTerms(), None),  # training is permitted, not demanded
        (Demand(training=True), SubjectTerms(training=False), None),
        (Demand(retention_days_max=30), SubjectTerms(), "deleted within 30 days"),
        (Demand(retention_days_max=30), SubjectTerms(retention_days=31), "deleted within 30 days"),
        (Demand(retention_days_max=30), SubjectTerms(retention_days=30), None),
        (Demand(retention_days_max=0), SubjectTerms(retention_days=0), None),
        (Demand(retention_days_max=0), SubjectTerms(), "deleted within 0 days"),
        (Demand(regions=frozenset({"eu"})), SubjectTerms(), "stay in eu"),
        (Demand(regions=frozenset({"eu"})), SubjectTerms(regions=()), "stay in eu"),  # anywhere
        (Demand(regions=frozenset({"eu"})), SubjectTerms(regions=("eu",)), None),
        (Demand(regions=frozenset({"us", "eu"})), SubjectTerms(regions=("eu",)), None),
        (Demand(regions=frozenset({"us", "eu"})), SubjectTerms(regions=("eu", "jp")), "stay in eu, us"),
        (
            Demand(training=False, retention_days_max=7),
            SubjectTerms(training=False, retention_days=30),
            "deleted within 7 days",
        ),
    ],
)
@pytest.mark.parametrize("subject", SUBJECTS)
def test_a_demand_is_met_only_by_terms_that_say_so(
    subject: Subject, demand: Demand, terms: SubjectTerms, said: str | None
) -> None:
    """What a contract does not state satisfies nothing; what is demanded of one subject is not demanded of another."""
    policy, handling = DataPolicy(**{subject: demand}), Handling(**{subject: terms})
    found = breach(policy, handling, references=True)
    if said is None:
        assert found is None
    else:
        assert found is not None
        assert found[0] is subject
        assert said in found[1]


def test_a_demand_on_reference_images_matters_only_where_some_come_along() -> None:
    """A generation without images is not refused for the terms of images."""
    policy = DataPolicy(reference_images=Demand(allowed=False))
    assert breach(policy, Handling(), references=False) is None
    assert breach(policy, Handling(), references=True) == (Subject.REFERENCE_IMAGES, "the app's policy lets them go nowhere")


def test_the_first_breach_is_named() -> None:
    """Prompts before reference images before outputs."""
    policy = DataPolicy(*[Demand(training=False)] * 3)
    handling = Handling()
    for subject in SUBJECTS:
        found = breach(policy, handling, references=True)
        assert found is not None
        assert found[0] is subject
        handling = replace(handling, **{subject: SubjectTerms(training=False)})
    assert breach(policy, handling, references=True) is None


REGIONS = st.sampled_from(["eu", "us", "jp"])
TERMS = st.builds(
    SubjectTerms,
    training=st.none() | st.booleans(),
    retention_days=st.none() | st.integers(0, 40),
    regions=st.none() | st.lists(REGIONS, max_size=2).map(tuple),
)
HANDLINGS = st.builds(Handling, TERMS, TERMS, TERMS)
DEMANDS = st.builds(
    Demand,
    allowed=st.booleans(),
    training=st.none() | st.booleans(),
    retention_days_max=st.none() | st.integers(0, 40),
    regions=st.none() | st.frozensets(REGIONS, min_size=1),
)
POLICIES = st.builds(DataPolicy, DEMANDS, DEMANDS, DEMANDS)


@given(policy=POLICIES, handling=HANDLINGS, subject=st.sampled_from(Subject), references=st.booleans())
def test_forgetting_terms_never_helps(policy: DataPolicy, handling: Handling, subject: Subject, references: bool) -> None:
    """A contract that says less satisfies no more policies."""
    silent = replace(handling, **{subject: SubjectTerms()})
    if breach(policy, handling, references=references) is not None:
        assert breach(policy, silent, references=references) is not None


@given(policy=POLICIES, handling=HANDLINGS)
def test_reference_images_only_add_demands(policy: DataPolicy, handling: Handling) -> None:
    """What is refused without images is refused with them, and without demands nothing is."""
    if breach(policy, handling, references=False) is not None:
        assert breach(policy, handling, references=True) is not None
    assert breach(DataPolicy(), handling, references=True) is None
