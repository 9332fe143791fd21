"""Each rule of the configuration, broken once in an otherwise valid file: where it is found and what is said."""

from pathlib import Path

import pytest

from tests.unit.config.samples import base, place, problems

ROUTE = "  openai-route: {model: gpt-image-2, provider: openai, upstream_model: gpt-image-2, contract: direct}\n"
KEY = "keys: [{sha256: " + "a" * 64 + "}]"

# What is replaced, by what, the text at whose place the problem is found, its path, and a part of what is said.
CASES = {
    "number for text": ("cost_centre: CC-1", "cost_centre: 42", "42", "apps.shop.cost_centre", "Put it in quotes."),
    "no value": ("cost_centre: CC-1", "cost_centre:", "cost_centre", "apps.shop.cost_centre", "has no value"),
    "unknown section": ("apps:\n", "app:\n", "app:", "app", "Did you mean 'apps'?"),
    "unknown key without likeness": ("team: shop", "team: shop\n    zzz: 1", "zzz", "apps.shop.zzz", "Known keys:"),
    "list for mapping": ("{file: fake.key}", "[fake.key]", "[fake.key]", "providers.openai.credential", "must be a mapping"),
    "text for list": ("aliases: [dall-e-3]", "aliases: dall-e-3", "dall-e-3", "models.gpt-image-2.aliases", "must be a list"),
    "no flag": ("team: shop", "team: shop\n    tag_body: yes", "yes", "apps.shop.tag_body", "true or false"),
    "wrong word": (
        "on_ambiguous: fail",
        "on_ambiguous: retri",
        "retri}",
        "contracts.direct.failure.on_ambiguous",
        "mean 'retry'",
    ),
    "bad id": ("  shop:\n", "  Shop:\n", "Shop:", "apps.Shop", "lower-case"),
    "no day": ("recorded_on: 2026-11-01\n", "recorded_on: 2026-02-30\n", "2026-02-30", "price_lists.usd.recorded_on", "calendar"),
    "ends before it begins": (
        "price_list: usd",
        "price_list: usd\n    effective_to: 2025-01-01",
        "2025-01-01",
        "contracts.direct.effective_to",
        "not after",
    ),
    "verified without a day": (
        "{state: not_required}",
        "{state: verified}",
        "verification",
        "contracts.direct.verification.recorded_on",
        "is missing",
    ),
    "currency": ("currency: USD, t", "currency: usd, t", "usd, t", "contracts.direct.billing.currency", "ISO 4217"),
    "limit of zero": ("value: 50", "value: 0", "0, recorded_on", "contracts.direct.limits.recorded[0].value", "at least 1"),
    "URL without path": ('9101/v1"', '9101"', '"http:', "providers.openai.base_url", "such as /v1"),
    "URL with password": ("//127.0.0.1:9101", "//u:p@127.0.0.1", '"http:', "providers.openai.base_url", "under 'credential'"),
    "URL with query": ('9101/v1"', '9101/v1?key=x"', '"http:', "providers.openai.base_url", "query"),
    "other scheme": ("http://127", "ftp://127", '"ftp:', "providers.openai.base_url", "http or https"),
    "two credentials": (
        "{file: fake.key}",
        "{file: fake.key, env: HOME_KEY}",
        "{file",
        "providers.openai.credential",
        "exactly one",
    ),
    "no credential at all": (", credential: {file: fake.key}", "", "{dialect", "providers.openai", "has no credential"),
    "credential for nobody": (
        "dialect: openai,",
        "dialect: openai, wire: {auth: none}, ",
        "{dialect",
        "providers.openai",
        "has a credential and wire.auth 'none'",
    ),
    "header of the gateway's own": (
        "dialect: openai,",
        "dialect: openai, wire: {headers: {authorization: x}}, ",
        "authorization: x",
        "providers.openai.wire.headers.authorization",
        "written by the gateway itself",
    ),
    "member of the caller's": (
        "dialect: openai,",
        "dialect: openai, wire: {members: {size: auto}}, ",
        "size: auto",
        "providers.openai.wire.members.size",
        "is the caller's to say",
    ),
    "links from nowhere": (
        "contract: direct}",
        "contract: direct, links: {deliver: b64}}",
        "{deliver",
        "routes.openai-route.links",
        "names no host",
    ),
    "host with a path": (
        "contract: direct}",
        "contract: direct, links: {deliver: b64, hosts: [images.example.com/a]}}",
        "images.example.com",
        "routes.openai-route.links.hosts[0]",
        "is not the name of a host",
    ),
    "options of the bridge": (
        "dialect: openai,",
        "dialect: openai, options: {aws_region_name: x}, ",
        "{dialect",
        "providers.openai",
        "has options, which are litellm's",
    ),
    "no address": (' base_url: "http://127.0.0.1:9101/v1",', "", "openai,", "providers.openai.base_url", "is missing"),
    "secret among the options": (
        "dialect: openai,",
        "dialect: openai, options: {aws_session_token: x}, ",
        "aws_session_token: x",
        "providers.openai.options.aws_session_token",
        "may be a secret",
    ),
    "no credential": ("{file: fake.key}", "{}", "{}", "providers.openai.credential", "exactly one"),
    "long timeout": (
        "dialect: openai,",
        "dialect: openai, timeouts: {total_s: 4000}, ",
        "4000",
        "providers.openai.timeouts.total_s",
        "at most 3600",
    ),
    "no price": ("{per_request: 0.5}", "{}", "{}", "price_lists.usd.models.gpt-image-2", "gives no price"),
    "unreachable price": (
        "{per_request: 0.5}",
        '{per_image: [{size: "*", quality: "*", amount: 1}, {size: 1024x1024, quality: low, amount: 1}]}',
        "[{size",
        "price_lists.usd.models.gpt-image-2.per_image",
        "item 2 can never apply",
    ),
    "quality without factor": (
        "{per_request: 0.5}",
        "{per_request: 1, output_tokens: {factors: {low: 16}, auto_size: 16x16, auto_quality: high}}",
        "high}}",
        "price_lists.usd.models.gpt-image-2.output_tokens.auto_quality",
        "Those that have: low.",
    ),
    "model without routes": ("routes: [openai-route]", "routes: []", "[], aliases", "models.gpt-image-2.routes", "at least one"),
    "unknown route": (
        "routes: [openai-route]",
        "routes: [openai-rout]",
        "openai-rout]",
        "models.gpt-image-2.routes[0]",
        "'openai-route'",
    ),
    "route twice": (
        "routes: [openai-route]",
        "routes: [openai-route, openai-route]",
        "openai-route]",
        "models.gpt-image-2.routes[1]",
        "twice",
    ),
    "alias is a model": (
        "aliases: [dall-e-3]",
        "aliases: [gpt-image-2]",
        "gpt-image-2]",
        "models.gpt-image-2.aliases[0]",
        "a model",
    ),
    "app may use an alias": (
        "team: shop",
        "team: shop\n    models: [dall-e-3]",
        "dall-e-3]\n    cost",
        "apps.shop.models[0]",
        "write 'gpt-image-2'",
    ),
    "app without key": (KEY, "keys: []", "[]\n", "apps.shop.keys", "at least one"),
    "plain key by name": (KEY, "keys: [{key: igw_x}]", "{key: igw_x}", "apps.shop.keys[0]", "gateway keys"),
    "no hash": ("a" * 64, "abc", "abc", "apps.shop.keys[0].sha256", "64 hexadecimal"),
    "hash used twice": (KEY, KEY[:-1] + ", {sha256: " + "A" * 64 + "}]", "A" * 64, "apps.shop.keys[1].sha256", "the app 'shop'"),
    "YAML tag": ("team: shop", "team: !secret shop", "!secret", "apps.shop.team", "YAML tags"),
    "upper-case free tag": ("team: shop", "team: shop\n    tags: [A b]", "A b", "apps.shop.tags[0]", "tag's key"),
    "no character": ("cost_centre: CC-1", r'cost_centre: "\ud800"', r'"\ud800"', "apps.shop.cost_centre", "no character"),
    "control character": (
        "owner: OpenAI, account",
        'owner: "a\\nb", account',
        '"a\\nb"',
        "contracts.direct.billing.owner",
        "one line",
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_a_mistake_is_one_problem_at_its_place(tmp_path: Path, case: tuple[str, str, str, str, str]) -> None:
    """With its path, and a text that says what would be right."""
    old, new, found_at, path, said = case
    file = base(tmp_path, (old, new))
    (problem,) = problems(file)
    assert (problem.path, problem.line, problem.column) == (path, *place(file, found_at))
    assert said in f"{problem.what} {problem.fix}"


@pytest.mark.parametrize("port", ["-1", "65536"])
def test_a_port_has_bounds(tmp_path: Path, port: str) -> None:
    """0 to 65535."""
    (problem,) = problems(base(tmp_path, more=f"server: {{port: {port}}}\n"))
    assert problem.path == "server.port"


def test_an_alias_of_two_models_names_the_other(tmp_path: Path) -> None:
    """A name leads to one model only."""
    second = "  flare: {routes: [flare-route], aliases: [dall-e-3]}\n"
    file = base(
        tmp_path,
        (ROUTE, ROUTE + ROUTE.replace("openai-route", "flare-route").replace("model: gpt-image-2, p", "model: flare, p")),
        ("models:\n  gpt-image-2: {r", "models:\n" + second + "  gpt-image-2: {r"),
    )
    (problem,) = problems(file)
    assert problem.path == "models.gpt-image-2.aliases[0]"
    assert "already an alias of 'flare'" in problem.what


def test_a_route_serves_the_model_that_lists_it(tmp_path: Path) -> None:
    """A model does not serve another model's images."""
    (problem,) = problems(
        base(tmp_path, ("models:\n  gpt-image-2: {r", "models:\n  flare: {routes: [openai-route]}\n  gpt-image-2: {r"))
    )
    assert problem.path == "models.flare.routes[0]"
    assert "another model, 'gpt-image-2'" in problem.what


def test_an_alias_that_multiplies_itself_is_stopped(tmp_path: Path) -> None:
    """A few lines cannot fill the memory."""
    lines = ["server:\n  - &x0 [a, a, a, a, a, a, a, a, a, a]\n"]
    lines += [f"  - &x{level} [{', '.join([f'*x{level - 1}'] * 10)}]\n" for level in range(1, 12)]
    found = problems(base(tmp_path, more="".join(lines)))
    assert any("100000 values" in problem.what for problem in found)


def test_a_value_that_holds_itself_is_stopped(tmp_path: Path) -> None:
    """A circle in YAML ends."""
    assert any("levels" in problem.what for problem in problems(base(tmp_path, more="server: &x [*x]\n")))
