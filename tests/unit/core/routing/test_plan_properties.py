"""What holds of every plan, whatever is asked, allowed, configured and going on."""

from dataclasses import replace
from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from gateway.core.contract.capability import Capabilities, SizeRule, shortfalls
from gateway.core.contract.data_policy import DataPolicy, Demand, Handling, SubjectTerms, breach
from gateway.core.request.images import ImageRequest, Operation
from gateway.core.routing.eligibility import Conditions, Reason, Suspension
from gateway.core.routing.plan import Plan, survey
from gateway.core.snapshot import App, Route, RouteState
from tests.unit.core.samples import APP, CONTRACT, MODEL, NOW, REQUEST, ROUTE, snapshot

TODAY = NOW.date()
CONTRACTS = ("one", "two")
_words = st.sampled_from
_maybe = st.none()
capabilities = _maybe | st.builds(
    Capabilities,
    sizes=_maybe | st.frozensets(_words(["1024x1024", "1536x1024"])),
    size_rule=_maybe | st.just(SizeRule(16, 3840, 3, 655_360, 8_294_400)),
    qualities=_maybe | st.frozensets(_words(["low", "high"])),
    output_formats=_maybe | st.frozensets(_words(["png", "webp"])),
    backgrounds=_maybe | st.frozensets(_words(["opaque", "transparent"])),
    n_max=_maybe | st.integers(1, 10),
    partial_images_max=_maybe | st.integers(0, 3),
    references_max=_maybe | st.integers(0, 16),
    stream=st.booleans(),
    without=st.frozensets(_words(["style", "mask"])),
)
terms = st.builds(
    SubjectTerms, training=_maybe | st.booleans(), retention_days=_maybe | st.integers(0, 60), regions=_maybe | st.just(("eu",))
)
handlings = st.builds(Handling, prompts=terms, reference_images=terms, outputs=terms)
demands = st.builds(
    Demand,
    allowed=st.booleans(),
    training=_maybe | st.just(False),
    retention_days_max=_maybe | st.integers(0, 60),
    regions=_maybe | st.just(frozenset({"eu"})),
)
policies = st.builds(DataPolicy, prompts=demands, reference_images=demands, outputs=demands)
apps = st.builds(
    lambda contracts, pins, policy: replace(APP, contracts=contracts, pins=pins, data_policy=policy),
    _maybe | st.frozensets(_words(CONTRACTS)),
    st.dictionaries(st.just("gpt-image-2"), _words(["r0", "r1"]), max_size=1),
    st.just(DataPolicy()) | policies,
)
requests = st.builds(
    ImageRequest,
    operation=_words(Operation),
    model=st.just("gpt-image-2"),
    prompt_bytes=st.integers(0, 100),
    n=st.integers(1, 10),
    size=_words(["auto", "1024x1024", "1000x1000"]),
    quality=_words(["auto", "low", "high"]),
    output_format=_words(["auto", "png", "webp"]),
    stream=st.booleans(),
    partial_images=st.integers(0, 3),
    references=st.integers(0, 16),
    background=_words(["auto", "transparent"]),
    members=st.frozensets(_words(["style", "mask", "prompt"])),
    contract=_words(["", "", *CONTRACTS]),
)
suspensions = st.lists(
    st.builds(Suspension, _words([Reason.OVERRIDE, Reason.BREAKER, Reason.LIMIT]), st.just(NOW), st.just("so")), max_size=2
)


@st.composite
def routes(draw: st.DrawFn) -> tuple[Route, ...]:
    found = []
    for number in range(draw(st.integers(1, 5))):
        begins = TODAY + timedelta(days=draw(st.integers(-1, 1)))
        contract = replace(CONTRACT, id=draw(_words(CONTRACTS)), effective_from=begins, effective_to=draw(_maybe | _days))
        contract = replace(contract, data=replace(contract.data, handling=draw(handlings)))
        # A contract is one text: routes that share its id share its terms.
        contract = next((it.contract for it in found if it.contract.id == contract.id), contract)
        operations = draw(st.frozensets(_words(Operation), min_size=1))
        state = draw(_words(RouteState))
        found.append(
            replace(
                ROUTE, id=f"r{number}", contract=contract, state=state, operations=operations, capabilities=draw(capabilities)
            )
        )
    return tuple(found)


_days = _words([date(2026, 11, 23), date(2026, 11, 24), date(2027, 1, 1)])


@given(routes(), requests, apps, st.lists(suspensions, max_size=5), st.booleans())
def test_no_plan_contains_what_may_not_serve(
    routes: tuple[Route, ...], request: ImageRequest, app: App, held: list[list[Suspension]], eject_last: bool
) -> None:
    """Not a route that lacks what is asked, that a policy forbids, whose contract is not in force, or that is held."""
    model = replace(MODEL, routes=routes, eject_last=eject_last)
    found_snapshot = replace(snapshot(model), contracts=dict.fromkeys(CONTRACTS, CONTRACT))
    request = request if app.contracts is None or request.contract in app.contracts else replace(request, contract="")
    by_route = {f"r{number}": tuple(found) for number, found in enumerate(held) if found}
    plan = survey(request, app, found_snapshot, Conditions(NOW, by_route))
    for candidate in plan.candidates:
        route = candidate.route
        assert route.state is RouteState.ACTIVE
        assert route.contract.effective(TODAY)
        assert request.operation in route.operations
        assert route.capabilities is None or not shortfalls(request, route.capabilities)
        assert app.contracts is None or route.contract.id in app.contracts
        assert app.pins.get("gpt-image-2", route.id) == route.id
        assert request.contract in ("", route.contract.id)
        assert breach(app.data_policy, route.contract.data.handling, references=request.references > 0) is None
        assert {suspension.reason for suspension in by_route.get(route.id, ())} <= (set() if eject_last else {Reason.BREAKER})
    _complete(plan, routes)


def _complete(plan: Plan, routes: tuple[Route, ...]) -> None:
    """Every route is in it exactly once: as a candidate, or with at least one reason."""
    candidates = [it.route.id for it in plan.candidates]
    assert len(candidates) == len(set(candidates))
    assert set(candidates).isdisjoint(drop.route.id for drop in plan.dropped)
    assert {*candidates, *(drop.route.id for drop in plan.dropped)} == {route.id for route in routes}


@given(st.lists(st.integers(1, 3), min_size=4, max_size=4), st.integers(0, 2**64 - 1), st.booleans())
def test_no_tier_is_tried_before_a_lower_one(tiers: list[int], draw: int, split: bool) -> None:
    """Whoever is drawn."""
    names = [f"r{number}" for number in range(4)]
    model = replace(
        MODEL,
        routes=tuple(replace(ROUTE, id=name) for name in names),
        tiers=dict(zip(names, tiers, strict=True)),
        split=dict.fromkeys(names, 1) if split else {},
    )
    plan = survey(REQUEST, APP, snapshot(model), Conditions(NOW, draw=draw))
    tried = [model.tiers[it.route.id] for it in plan.candidates]
    assert tried == sorted(tried)
