"""What is known of upstream models: the shipped catalogue, and routes that say something else than it does."""

from datetime import date
from itertools import product
from pathlib import Path

import pytest

from gateway.config.load import load
from gateway.core.contract.capability import Capabilities, shortfalls
from gateway.core.request.images import ImageRequest, Operation
from gateway.core.snapshot import Snapshot
from gateway.simulator.catalogue import MODELS
from tests.unit.config.samples import BASE, ROOT, TODAY, base, loaded, place, problems

SHIPPED = ROOT / "config" / "models"
ENTRY = "{qualities: [low, medium, high], n_max: 10, references_max: 16}"
RULE = "{edge_multiple: 16, edge_max: 3840, ratio_max: 3, pixels_min: 655360, pixels_max: 8294400}"
OWN = "contract: direct}"


def shipped(folder: Path, *models: str) -> Snapshot:
    """A route for each of these models by the catalogue that comes with the gateway."""
    rest = "model: gpt-image-2, provider: openai, contract: direct, operations: [generation]"
    routes = "".join(f"  r{index}: {{upstream_model: {model}, {rest}}}\n" for index, model in enumerate(models))
    text = BASE.partition("catalogue:\n")[0].replace("routes:\n", f"include: ['{SHIPPED}']\nroutes:\n{routes}", 1)
    (folder / "fake.key").write_text("sk-fake-not-a-secret\n")
    (folder / "gateway.yaml").write_text(text)
    return load(folder / "gateway.yaml", {}, TODAY).snapshot


def can(folder: Path, model: str) -> Capabilities:
    """What the shipped catalogue says of the model."""
    found = shipped(folder, model).routes["r0"].capabilities
    assert found is not None
    return found


def lacking(can: Capabilities, **asked: object) -> list[str]:
    """The parameters that the model cannot honour of a request."""
    request = {"operation": Operation.GENERATION, "model": "m", "prompt_bytes": 1, "n": 1, "size": "auto", "quality": "auto"}
    return [it.param for it in shortfalls(ImageRequest(**request | asked), can)]  # type: ignore[arg-type]  # by name


@pytest.mark.parametrize(
    ("size", "possible"),
    [
        ("1024x1024", True),
        ("1024x640", True),  # exactly the fewest pixels
        ("816x816", True),
        ("800x800", False),
        ("2880x2880", True),  # exactly the most
        ("3008x3008", False),
        ("3840x2160", True),
        ("3856x1600", False),
        ("1500x1500", False),
        ("1920x1080", False),
        ("1920x1088", True),
        ("2400x800", True),
        ("2416x800", False),
        ("auto", True),
        ("large", False),
    ],
)
def test_sizes_of_gpt_image_2_go_by_its_rule(tmp_path: Path, size: str, possible: bool) -> None:
    """The limits that were measured on 2026-04-28, on both sides of each."""
    assert lacking(can(tmp_path, "gpt-image-2"), size=size) == ([] if possible else ["size"])


@pytest.mark.parametrize(
    ("model", "asked", "param"),
    [
        ("gpt-image-2", {"background": "transparent"}, None),
        ("gpt-image-2", {"quality": "high", "n": 10, "stream": True, "partial_images": 3, "references": 16}, None),
        ("gpt-image-2", {"quality": "hd"}, "quality"),
        ("gpt-image-2", {"quality": "xhigh"}, "quality"),
        ("gpt-image-2", {"output_format": "gif"}, "output_format"),
        ("gpt-image-2", {"references": 17}, "image"),
        ("gpt-image-2", {"references": 17, "members": frozenset({"mask"})}, None),
        ("gpt-image-2", {"members": frozenset({"response_format"})}, "response_format"),
        ("gpt-image-2", {"members": frozenset({"input_fidelity"})}, "input_fidelity"),
        ("gpt-image-2", {"members": frozenset({"user", "moderation", "seed"})}, None),
        ("gpt-image-2.5-flare", {"quality": "max", "members": frozenset({"markup", "complexity"})}, None),
        ("gpt-image-2.6-sunburst", {"quality": "xhigh", "output_format": "svg", "members": frozenset({"svg"})}, None),
        ("gpt-image-1.5", {"size": "1536x1024", "members": frozenset({"input_fidelity"})}, None),
        ("gpt-image-1.5", {"size": "2048x2048"}, "size"),
        ("gpt-image-1-mini", {"members": frozenset({"input_fidelity"})}, "input_fidelity"),
        ("dall-e-3", {"quality": "hd", "size": "1792x1024", "members": frozenset({"style", "response_format"})}, None),
        ("dall-e-3", {"n": 2}, "n"),
        ("dall-e-3", {"stream": True}, "stream"),
        ("dall-e-3", {"references": 1}, "image"),
        ("dall-e-2", {"size": "256x256", "n": 10, "references": 1}, None),
    ],
)
def test_each_model_has_its_own(tmp_path: Path, model: str, asked: dict[str, object], param: str | None) -> None:
    """What one takes another refuses, by the name of the parameter."""
    assert lacking(can(tmp_path, model), **asked) == ([] if param is None else [param])


def test_the_catalogue_refuses_nothing_that_the_simulator_takes(tmp_path: Path) -> None:
    """Two readings of the same pages agree."""
    snapshot = shipped(tmp_path, *MODELS)
    for route in snapshot.routes.values():
        if route.id == "openai-route":
            continue
        known, model = route.capabilities, MODELS[route.upstream_model]
        assert known is not None, route.upstream_model
        sizes = tuple(model.table) if model.table else ("1024x1024", "1536x864", "3840x2160")
        members = frozenset(model.extras | model.edit_extras | {"user", "safety_identifier", "moderation", "mask"})
        for size, quality, encoding in product(sizes, model.qualities, ("png", "webp", "jpeg")):
            asked = {"size": size, "quality": quality, "output_format": encoding, "members": members}
            assert not lacking(known, n=10, stream=True, partial_images=3, references=16, background="opaque", **asked)


def test_a_model_that_retires_says_when_and_what_comes_after(tmp_path: Path) -> None:
    """A route to each of them is warned of by date."""
    gone = {"dall-e-2": "2026-05-12", "dall-e-3": "2026-05-12", "gpt-image-1": "2026-10-23"}
    soon = dict.fromkeys(("gpt-image-1.5", "gpt-image-1-mini", "chatgpt-image-latest"), "2026-12-01")
    for model, day in (gone | soon).items():
        shipped(tmp_path, model)
        path = tmp_path / "gateway.yaml"
        path.write_text(path.read_text().replace("routes: [openai-route]", "routes: [openai-route, r0]"))
        retiring = [it for it in load(path, {}, TODAY).warnings if "model" in it.what and day in it.what]
        assert [(it.path, it.fix) for it in retiring] == [("routes.r0.upstream_model", "Move the route to 'gpt-image-2'.")]


def test_another_file_can_add_models(tmp_path: Path) -> None:
    """A provider's own names stand beside those that are shipped."""
    (tmp_path / "own.yaml").write_text(
        "catalogue:\n  atlas/flux: {recorded_on: 2026-11-01, source: order form, capabilities: {n_max: 1}}\n"
    )
    found = loaded(base(tmp_path, ("upstream_model: gpt-image-2", "upstream_model: atlas/flux"), more="include: [own.yaml]\n"))
    assert found.snapshot.routes["openai-route"].capabilities == Capabilities(n_max=1)


def test_a_route_narrows_the_entry(tmp_path: Path) -> None:
    """What it does not mention stays as the catalogue has it; without an entry its own counts."""
    own = (OWN, "contract: direct, capabilities: {qualities: [low], sizes: [1024x1024], without: [mask], stream: false}}")
    rest = {"qualities": frozenset({"low"}), "sizes": frozenset({"1024x1024"}), "without": frozenset({"mask"}), "stream": False}
    expected = Capabilities(n_max=10, references_max=16, **rest)  # type: ignore[arg-type]  # by name
    assert loaded(base(tmp_path, own)).snapshot.routes["openai-route"].capabilities == expected
    unlisted = loaded(base(tmp_path, own, ("upstream_model: gpt-image-2", "upstream_model: other")))
    assert unlisted.snapshot.routes["openai-route"].capabilities == Capabilities(**rest)  # type: ignore[arg-type]


# What the catalogue's entry and the route say, the text at whose place the problem is found, its path behind the route's, words.
BEYOND = {
    "quality": (ENTRY, "capabilities: {qualities: [low, ultra]}", "ultra", "capabilities.qualities[1]", "(low, medium, high)"),
    "format of none": (
        "{output_formats: []}",
        "capabilities: {output_formats: [png]}",
        "png",
        "capabilities.output_formats[0]",
        "none",
    ),
    "background": (
        "{backgrounds: [opaque]}",
        "capabilities: {backgrounds: [clear]}",
        "clear",
        "capabilities.backgrounds[0]",
        "opaque",
    ),
    "n": ("{n_max: 1}", "capabilities: {n_max: 10}", "10}", "capabilities.n_max", "more than the 1"),
    "partial images": (
        "{partial_images_max: 0}",
        "capabilities: {partial_images_max: 3}",
        "3}}",
        "capabilities.partial_images_max",
        "more than the 0",
    ),
    "references": (ENTRY, "capabilities: {references_max: 17}", "17", "capabilities.references_max", "more than the 16"),
    "stream": ("{stream: false}", "capabilities: {stream: true}", "true}}", "capabilities.stream", "cannot stream"),
    "size": ("{sizes: [512x512]}", "capabilities: {sizes: [512x512, 256x256]}", "256x256", "capabilities.sizes[1]", "not a size"),
    "size outside the rule": (
        f"{{size_rule: {RULE}}}",
        "capabilities: {sizes: [1920x1080]}",
        "1920x1080",
        "capabilities.sizes[0]",
        "not a size",
    ),
    "wider rule": (
        f"{{size_rule: {RULE}}}",
        f"capabilities: {{size_rule: {RULE.replace('3840', '4096')}}}",
        "4096",
        "capabilities.size_rule.edge_max",
        "wider than the catalogue's 3840",
    ),
    "rule for smaller images": (
        f"{{size_rule: {RULE}}}",
        f"capabilities: {{size_rule: {RULE.replace('655360', '1')}}}",
        "1, pixels_max",
        "capabilities.size_rule.pixels_min",
        "wider than the catalogue's 655360",
    ),
    "rule that meets no size": (
        "{sizes: [512x512]}",
        f"capabilities: {{size_rule: {RULE}}}",
        "size_rule",
        "capabilities.size_rule",
        "no size is left",
    ),
    "rules that meet in no size": (
        f"{{size_rule: {RULE}}}",
        f"capabilities: {{size_rule: {RULE.replace('16', '1000').replace('3840', '900')}}}",
        "size_rule: {edge_multiple: 1000",
        "capabilities.size_rule",
        "no size is left",
    ),
    "edits without images": ("{references_max: 0}", "operations: [edit]", "edit]", "operations[0]", "'edit' needs a reference"),
    "variations without images": (
        ENTRY,
        "operations: [generation, variation], capabilities: {references_max: 0}",
        "variation]",
        "operations[1]",
        "'variation' needs a reference image",
    ),
    "edits by default": ("{references_max: 0}", "state: active", "openai-route: {", "operations", "[generation]"),
}


@pytest.mark.parametrize("case", BEYOND.values(), ids=BEYOND.keys())
def test_a_route_to_a_missing_capability_is_one_problem_at_its_place(
    tmp_path: Path, case: tuple[str, str, str, str, str]
) -> None:
    """A route claims nothing beyond the catalogue, and keeps something of it."""
    entry, own, found_at, path, said = case
    file = base(tmp_path, (ENTRY, entry), (OWN, f"contract: direct, {own}}}"))
    (problem,) = problems(file)
    assert (problem.path, problem.line, problem.column) == (f"routes.openai-route.{path}", *place(file, found_at))
    assert said in f"{problem.what}. {problem.fix}"


@pytest.mark.parametrize(
    ("entry", "own"),
    [
        (ENTRY, "capabilities: {qualities: [], sizes: [], n_max: 1, references_max: 16}"),
        (ENTRY, "capabilities: {sizes: [64x64], stream: true, output_formats: [tiff]}"),
        ("{sizes: [1024x1024, 512x512]}", f"capabilities: {{size_rule: {RULE}}}"),
        (f"{{size_rule: {RULE}}}", f"capabilities: {{size_rule: {RULE.replace('3840', '2048')}, sizes: [3840x2160]}}"),
        ("{references_max: 0}", "operations: [generation]"),
    ],
)
def test_a_narrower_route_is_no_problem(tmp_path: Path, entry: str, own: str) -> None:
    """An empty list leaves what the provider chooses by itself; what the catalogue does not limit may be limited."""
    assert loaded(base(tmp_path, (ENTRY, entry), (OWN, f"contract: direct, {own}}}"))).snapshot


def test_mistakes_of_form_are_not_compared(tmp_path: Path) -> None:
    """They are reported where they stand, once."""
    file = base(tmp_path, (ENTRY, "{n_max: many}"), (OWN, "contract: direct, capabilities: {n_max: 3, qualities: low}}"))
    assert [it.path for it in problems(file)] == [
        "routes.openai-route.capabilities.qualities",
        "catalogue.gpt-image-2.capabilities.n_max",
    ]


@pytest.mark.parametrize("today", [date(2026, 11, 23), date(2036, 1, 1)])
def test_the_shipped_catalogue_is_dated(today: date) -> None:
    """Each entry names its source; loading it does not depend on the day."""
    text = (SHIPPED / "openai.yaml").read_text()
    assert text.count("recorded_on: ") == text.count("    source: ") == text.count("    capabilities:") == 14
    assert load(ROOT / "config" / "gateway.yaml", {}, today).snapshot
