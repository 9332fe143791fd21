"""What the decision on a route costs, alone: ``python -m bench.plan``. Absolute times depend on the machine."""

import timeit
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from gateway.app.configuration import load_config
from gateway.core.contract.capability import Capabilities, SizeRule
from gateway.core.contract.data_policy import DataPolicy, Demand, Handling, SubjectTerms
from gateway.core.request.images import ImageRequest, Operation
from gateway.core.routing.eligibility import Conditions
from gateway.core.routing.plan import plan
from gateway.core.snapshot import App, Model, Snapshot

ROUTES = 20
CALLS = 2_000
REPEATS = 7
_CONFIG = Path(__file__).parent / "peers" / "gateway.yaml"
_ENVIRONMENT = {
    "BENCH_PORT": "0",
    "BENCH_FOLDER": "none",
    "BENCH_UPSTREAM": "http://127.0.0.1:1",
    "BENCH_UPSTREAM_KEY": "sk-bench",
}
_CAPABILITIES = Capabilities(
    size_rule=SizeRule(edge_multiple=16, edge_max=3840, ratio_max=3, pixels_min=655_360, pixels_max=8_294_400),
    qualities=frozenset({"low", "medium", "high"}),
    output_formats=frozenset({"png", "jpeg", "webp"}),
    backgrounds=frozenset({"opaque"}),
    n_max=10,
    partial_images_max=3,
    references_max=16,
)
_NO_TRAINING = Handling(prompts=SubjectTerms(training=False))
_POLICY = DataPolicy(prompts=Demand(training=False))
_MEMBERS = frozenset({"model", "prompt", "size", "quality"})
_REQUEST = ImageRequest(Operation.GENERATION, "gpt-image-2", 40, 1, "1024x1024", "high", members=_MEMBERS)
_CONDITIONS = Conditions(datetime(2026, 11, 23, tzinfo=UTC), draw=1)


def cases() -> Iterator[tuple[str, Model, App]]:
    """A name, a model of so many routes, and the app that asks for it."""
    snapshot = load_config(_CONFIG, _ENVIRONMENT).snapshot
    (app,) = snapshot.apps.values()
    (route,) = snapshot.routes.values()
    contract = replace(route.contract, data=replace(route.contract.data, handling=_NO_TRAINING))
    routes = tuple(replace(route, id=f"r{it}", contract=contract, capabilities=_CAPABILITIES) for it in range(ROUTES))
    model = Model("gpt-image-2", (), routes)
    yield "in the order of the list", model, app
    yield "split by weight", replace(model, split={it.id: 1 for it in routes}), app
    yield "with a data policy", model, replace(app, data_policy=_POLICY)
    yield "cheapest first", replace(model, cheapest_first=True), app
    own = tuple(replace(it, capabilities=replace(_CAPABILITIES)) for it in routes)
    yield "every route with capabilities of its own", replace(model, routes=own), app


def main() -> None:
    """Print the best of some repeats: what disturbs a measurement only makes it longer."""
    print(f"plan() for a model with {ROUTES} routes")
    for name, model, app in cases():
        snapshot = Snapshot("bench", {}, {}, {it.id: it for it in model.routes}, {model.name: model}, {})
        taken_s = min(timeit.repeat(lambda: plan(_REQUEST, app, snapshot, _CONDITIONS), number=CALLS, repeat=REPEATS))  # noqa: B023
        print(f"{taken_s / CALLS * 1e6:8.1f} us  {name}")


if __name__ == "__main__":
    main()
