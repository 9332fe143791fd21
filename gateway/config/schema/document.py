"""What is written: the configuration's shape, bounds and defaults. What runs is ``gateway.core.snapshot``."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, WithJsonSchema, model_validator

from gateway.config.schema.app import App
from gateway.config.schema.budget import Budget
from gateway.config.schema.catalogue import CatalogueEntry
from gateway.config.schema.contract import Contract
from gateway.config.schema.credential import Credential, ProviderCredential
from gateway.config.schema.exchange import ExchangeRates
from gateway.config.schema.field import BaseUrl, Id, Line, Name, Prose, Seconds, mistake
from gateway.config.schema.idempotency import Idempotency, Results
from gateway.config.schema.model import Model
from gateway.config.schema.price import PriceList
from gateway.config.schema.route import Route
from gateway.config.schema.wire import Wire
from gateway.config.schema.written import Written
from gateway.core.contract.bridged import ANSWER_BYTES_MAX
from gateway.core.contract.wire import Auth


def _redis_url(value: str) -> str:
    if not value.startswith(("redis://", "rediss://", "unix://")):
        raise mistake("is not the URL of a Redis", "Write redis://HOST:6379/0, or rediss:// for TLS.")
    return value


RedisUrl = Annotated[
    str,
    Field(max_length=500),
    WithJsonSchema({"type": "string", "pattern": "^(redis|rediss|unix)://.+", "maxLength": 500}),
    AfterValidator(_redis_url),
]


def _postgres_url(value: str) -> str:
    if not value.startswith(("postgresql://", "postgres://")):
        raise mistake("is not the URL of a PostgreSQL", "Write postgresql://USER:PASSWORD@HOST:5432/DATABASE.")
    return value


PostgresUrl = Annotated[
    str,
    Field(max_length=2000),
    WithJsonSchema({"type": "string", "pattern": "^postgres(ql)?://.+", "maxLength": 2000}),
    AfterValidator(_postgres_url),
]
Port = Annotated[int, Field(ge=0, le=65535)]


class Server(Written):
    """Where apps reach the gateway."""

    host: Line = "127.0.0.1"
    """Address to listen on; 0.0.0.0 for all."""
    port: Port = 8080
    """Port to listen on; 0 lets the system choose."""
    body_bytes_max: Annotated[int, Field(ge=1024, le=100 * 1024 * 1024)] = 1024 * 1024
    """Largest JSON body taken, in bytes: a prompt of 32,000 characters needs at most 400 kB, so 1 MiB leaves room."""
    body_wait_s_max: Annotated[Seconds, Field(gt=0, le=3600)] = 60.0
    """How long a JSON body may take to arrive, in seconds: it is small, and a caller that stalls holds memory."""
    upload_bytes_max: Annotated[int, Field(ge=1024, le=2 * 1024**3)] = 900 * 1024 * 1024
    """Largest body with images (edits), in bytes: 16 images of 50 MB, a mask and the fields, as OpenAI takes them."""
    upload_wait_s_max: Annotated[Seconds, Field(gt=0, le=3600)] = 600.0
    """How long a body with images may take to arrive, in seconds: 900 MB at 12 Mbit/s."""
    spool_folder: Prose = "var/spool"
    """Where bodies with images wait on disk, relative to the folder in which the gateway starts; no file outlives its request."""
    spool_memory_bytes_max: Annotated[int, Field(ge=64 * 1024, le=100 * 1024 * 1024)] = 1024 * 1024
    """How much of such a body stays in memory, in bytes; a larger one goes to the spool folder."""
    in_flight_requests_max: Annotated[int, Field(ge=1, le=1_000_000)] = 10_000
    """How many image requests this process takes at once; each needs about 30 kB. Beyond it: 503 with retry-after."""
    in_flight_bytes_max: Annotated[int, Field(ge=1024, le=1024**4)] = 4 * 1024**3
    """How many bytes the bodies of all requests at once may have, in memory and on disk. Beyond it: 503 with retry-after."""
    in_flight_app_share: Annotated[float, Field(gt=0, le=1)] = 0.75
    """What one app may have of both, as a share of what the others leave; its only request may take all. 1 is no bound."""
    bridged_answer_bytes_max: Annotated[int, Field(ge=1024 * 1024, le=1024**3)] = ANSWER_BYTES_MAX
    """Largest answer of a provider behind litellm, in bytes; whole in memory, it counts five times for in_flight_bytes_max."""
    client_stall_s_max: Annotated[Seconds, Field(gt=0, le=3600)] = 60.0
    """How long a client may take nothing of its answer, or send nothing of its body, in seconds, before it is cut off."""
    heartbeat_s: Annotated[Seconds, Field(gt=0, le=3600)] = 15.0
    """While a stream is silent, a comment goes out every so many seconds: proxies cut idle connections after 30 to 60 s."""
    lame_duck_s: Annotated[Seconds, Field(ge=0, le=300)] = 5.0
    """After SIGTERM: so many seconds of serving on while /readyz is 503, until every balancer has noticed; not after Ctrl-C."""
    shutdown_grace_s: Annotated[int, Field(ge=0, le=3600)] = 330
    """How long requests in flight may finish after SIGTERM, in seconds: an image job takes up to 300 s."""
    connections_max: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    """How many connections there may be, idle ones too, beyond which: 503. Absent means two fifths of the file descriptors."""
    head_wait_s_max: Annotated[Seconds, Field(gt=0, le=3600)] = 30.0
    """How long a request's head may take to arrive, in seconds, from the connection on: it is small, and comes without a key."""
    idle_wait_s_max: Annotated[Seconds, Field(gt=0, le=3600)] = 120.0
    """How long a connection may wait for its next request, in seconds: longer than clients and load balancers keep idle ones."""


class Admin(Written):
    """Where operators and Prometheus reach the gateway: it has no login, so it listens on loopback by default."""

    host: Line = "127.0.0.1"
    """Address to listen on; keep it private."""
    port: Port = 9090
    """Port to listen on; 0 lets the system choose."""
    hosts: Annotated[tuple[Line, ...], Field(max_length=100)] = ()
    """More names to answer to, such as a service's in Kubernetes: a Host that is neither loopback nor 'host' is refused (421)."""


class Ledger(Written):
    """Where money is booked."""

    path: Prose = "var/ledger.sqlite"
    """The SQLite file, relative to the folder in which the gateway starts; its folder is made."""
    synchronous: Literal["full", "normal"] = "full"
    """Of the file: 'full' survives a power cut; 'normal' is faster and may lose the last entries in one."""
    url: PostgresUrl | None = None
    """A PostgreSQL that replicas share, such as postgresql://USER:PASSWORD@HOST:5432/DATABASE, instead of a file."""
    spool_bytes_max: Annotated[int, Field(ge=64 * 1024, le=1024**4)] = 64 * 1024 * 1024
    """So much may wait in ledger-spool.jsonl for a ledger that cannot be written, of contracts that spool. An attempt is 2 kB."""

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if self.url is not None and "path" in self.model_fields_set:
            raise mistake("has both path and url", "Keep url for PostgreSQL, or path for a SQLite file.")
        return self


class State(Written):
    """Where the limits of apps and contracts are counted."""

    redis_url: RedisUrl | None = None
    """A Redis that all replicas share, such as redis://HOST:6379/0; absent means that this process counts alone."""
    timeout_s: Annotated[Seconds, Field(gt=0, le=10)] = 0.25
    """How long Redis may take, in seconds; then each limit's on_unavailable says what happens."""


class History(Written):
    """What is kept of earlier configurations, of operators' overrides and of the audit log."""

    folder: Prose | None = None
    """Where, relative to the folder in which the gateway starts; absent means a folder 'history' beside the ledger."""
    revisions_max: Annotated[int, Field(ge=2, le=10_000)] = 100
    """How many revisions of the configuration are kept; the oldest go first."""


class Decisions(Written):
    """What is kept of routing decisions, for 'gateway config shadow': no prompt, no image, no end user."""

    kept_max: Annotated[int, Field(ge=0, le=1_000_000)] = 10_000
    """How many of the latest are kept, in decisions.jsonl beside the ledger; 0 keeps none. One takes about 400 bytes."""


class Evidence(Written):
    """What is kept of requests for tickets (gateway evidence), in evidence.sqlite beside the ledger: no key, prompt or image."""

    keep: Literal["all", "failures"] = "failures"
    """Of which requests: 'failures' are those with a failed attempt or a refused plan, also where a fallback served them."""
    days_max: Annotated[int, Field(ge=1, le=400)] = 14
    """For how many days."""
    requests_max: Annotated[int, Field(ge=0, le=10_000_000)] = 100_000
    """Of how many requests, the latest; one takes about 3 kB, and 0 keeps none."""


class Logging(Written):
    """What is logged."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """The least severe line that is written."""
    queued_bytes_max: Annotated[int, Field(ge=64 * 1024, le=1024**3)] = 4 * 1024 * 1024
    """How many bytes of lines may wait for the log's reader, in memory; one takes about 500. Beyond it lines are dropped, counted
    in gateway_log_lines_dropped_total and told in one line later: a busy gateway's reader may stand still for some seconds."""


class Signing(Written):
    """With what is signed: the roots of the ledger's days."""

    key: Credential | None = None
    """Where the private key is found: an Ed25519 JWK on one line, as 'gateway ledger key' makes it."""
    former: tuple[Annotated[str, Field(max_length=1000)], ...] = ()
    """Public keys (JWK, each on one line) that signed before: what they have signed is still to be checked."""


def _no_secret(name: str) -> str:
    if any(word in name for word in ("key", "secret", "token", "credential", "password")):
        raise mistake(f"'{name}' may be a secret", "Put the key under credential, or leave it in the environment of the gateway.")
    return name


OptionName = Annotated[str, StringConstraints(pattern=r"^(api_version|(aws|vertex)_[a-z_]{1,60})$"), AfterValidator(_no_secret)]


class Timeouts(Written):
    """Bounds of one upstream call."""

    connect_s: Annotated[Seconds, Field(gt=0, le=60)] = 5.0
    """Until the connection stands, in seconds; a host that takes longer than 60 s is down."""
    total_s: Annotated[Seconds, Field(gt=0, le=3600)] = 300.0
    """The whole call, in seconds: image jobs take 5 to 300 s; more than an hour only holds memory."""


class Provider(Written):
    """One upstream endpoint."""

    dialect: Literal["openai", "openrouter", "litellm"]
    """The wire format it speaks: OpenAI's, OpenRouter's image API, or one of those that litellm translates."""
    base_url: BaseUrl | None = None
    """Where its API begins, such as https://api.openai.com/v1; with 'litellm' absent means the vendor's own address."""
    credential: ProviderCredential | None = None
    """Where its key is found; only one whose wire.auth is 'none' has none."""
    organization: Line | None = None
    """Sent as openai-organization, for an account with several."""
    project: Line | None = None
    """Sent as openai-project, for an account with several."""
    timeouts: Timeouts = Timeouts()
    """Bounds of one call."""
    wire: Wire = Wire()
    """Where its version of OpenAI's wire format differs from OpenAI's own."""
    options: Annotated[dict[OptionName, Line], Field(max_length=16)] = Field(default_factory=dict)
    """With 'litellm': what else it wants to know of the vendor, such as vertex_project or aws_region_name. No secret."""

    @model_validator(mode="after")
    def _of_its_dialect(self) -> Self:
        if self.dialect != "litellm" and self.options:
            fix = f"Leave them out; what the dialect '{self.dialect}' knows stands under wire."
            raise mistake("has options, which are litellm's", fix)
        of_openai = self.wire.model_fields_set - {"members", "headers"} or self.model_fields_set & {"organization", "project"}
        if self.dialect == "openrouter" and of_openai:
            what = "has an organization, a project or options of wire that are not OpenRouter's"
            raise mistake(what, "Leave them out: of wire it takes members and headers; its cost comes in USD, unasked.")
        if self.dialect == "litellm" and self.model_fields_set & {"wire", "organization", "project"}:
            raise mistake(
                "has wire, organization or project, which are OpenAI's", "Leave them out; litellm's stand under options."
            )
        return self

    @model_validator(mode="after")
    def _with_a_key(self) -> Self:
        if (self.credential is None) != (self.wire.auth is Auth.NONE):
            what = "has no credential" if self.credential is None else "has a credential and wire.auth 'none'"
            raise mistake(what, "Write credential: {env: NAME}, or wire: {auth: none} for a server that wants no key.")
        return self


class Configuration(Written):
    """The gateway's configuration, or a part of it in a file that is included. Texts may hold ${NAME} and ${NAME:-default}."""

    include: tuple[Prose, ...] = ()
    """Files, folders (all their *.yaml) or patterns, relative to this file's folder."""
    server: Server = Server()
    """Where apps reach the gateway."""
    admin: Admin = Admin()
    """Where operators reach the gateway."""
    ledger: Ledger = Ledger()
    """Where money is booked."""
    state: State = State()
    """Where limits are counted: in this process, or in a Redis that replicas share."""
    history: History = History()
    """Where earlier configurations, overrides and the audit log are kept."""
    decisions: Decisions = Decisions()
    """How many routing decisions are kept."""
    evidence: Evidence = Evidence()
    """Of which requests evidence is kept, and for how long."""
    signing: Signing = Signing()
    """With what is signed."""
    idempotency: Idempotency = Idempotency()
    """For how long requests are remembered, so that the same one is not paid twice."""
    results: Results = Results()
    """Where answers are kept for a while, so that they can be given again."""
    logging: Logging = Logging()
    """What is logged."""
    catalogue: dict[Name, CatalogueEntry] = Field(default_factory=dict)
    """What upstream models support, by their names at the provider: dated, with a source."""
    contracts: dict[Id, Contract] = Field(default_factory=dict)
    """Contracts by id."""
    providers: dict[Id, Provider] = Field(default_factory=dict)
    """Providers by id."""
    price_lists: dict[Id, PriceList] = Field(default_factory=dict)
    """Price lists by id."""
    exchange: dict[Id, ExchangeRates] = Field(default_factory=dict)
    """Tables of dated exchange rates by id, for reports only: everything is booked in the currency in which it is billed."""
    routes: dict[Id, Route] = Field(default_factory=dict)
    """Routes by id."""
    models: dict[Id, Model] = Field(default_factory=dict)
    """Models by the name that apps ask for."""
    apps: dict[Id, App] = Field(default_factory=dict)
    """Apps by id."""
    budgets: dict[Id, Budget] = Field(default_factory=dict)
    """Budgets by id."""
