"""From the provider to the client: bytes pass as they come, are verified on the way, and end only once they are booked."""

from dataclasses import replace

import structlog

from gateway.core.discrepancy import discrepancies
from gateway.core.money.pricing import Delivery, OutputTokens
from gateway.core.redaction.provider_settings import ours_at
from gateway.core.request.images import ImageRequest
from gateway.core.snapshot import ProviderSettings, Route
from gateway.engine.call import Call, Failure, Progress
from gateway.engine.failures import failure_of_event, failure_without_answer
from gateway.engine.money.accounting import Booking
from gateway.engine.money.receipts import Receipts
from gateway.engine.response_writer import ResponseWriter
from gateway.ports import UpstreamFailed, UpstreamResponse
from gateway.relay.answer import Answer, ImageAnswer, ImageEvents
from gateway.relay.response_answer import ResponseAnswer, ResponseEvents
from gateway.relay.scanner import MalformedAnswer

# Of what comes before the first image. An image that a provider wraps into a link is seen by nobody, and fits in here.
HELD_BYTES_MAX = 8 * 1024 * 1024
_EVENT_STREAM = "text/event-stream"
_log = structlog.get_logger("gateway")


async def relay(
    call: Call, writer: ResponseWriter, response: UpstreamResponse, booking: Booking, progress: Progress, *, receipts: Receipts
) -> Failure | None:
    """Nothing leaves before image data has begun; the end leaves after the settlement."""
    writer.adopt(response)
    hashed = receipts.wanted(call)
    answer = answer_to(call.request, hashed=hashed)
    held = _Held(answer, booking.route.provider)
    try:
        _check_form(call, response)
        chunks = response.chunks()
        while not answer.finished and (chunk := await writer.with_heartbeat(anext(chunks, None))) is not None:
            held.add(answer.feed(chunk))
            # An error that comes with the first image data is still told as a status: nothing has left.
            begun = progress.head_sent or (answer.carries_image and answer.error is None)
            # A text leaves whole, so that what is ours in it is found; an image leaves as it comes.
            if begun and not answer.finished and (answer.in_image or answer.at_boundary):
                await writer.write(held.take())
            writer.at_boundary = answer.at_boundary
            if answer.error is not None:
                # A response's text model has run, whatever became of the image.
                ran = answer.carries_image or call.request.text is not None
                return failure_of_event(answer.error, booking.route, delivering=ran, links=call.body.links)
        delivery = as_asked(answer.delivery(), call.request, booking.route)
    except (UpstreamFailed, MalformedAnswer) as broken:
        return failure_without_answer(broken)
    progress.discrepancies = discrepancies(call.request, delivery, _token_rule(call, booking.route))
    progress.cost = await booking.settle(delivery, progress.discrepancies)
    progress.images = delivery.images
    progress.receipt = receipts.of(call, booking.route, delivery, progress.cost)
    await writer.finish(held.take() + answer.closing(_member(call, delivery, progress)))
    return None


class _Held:
    """What of an answer may not leave yet: its beginning, and texts whose end has not come. What leaves is without our key."""

    def __init__(self, answer: Answer, provider: ProviderSettings) -> None:
        self._answer, self._provider = answer, provider
        self._pieces: list[bytes] = []
        self._bytes = 0
        self._text = ""  # that of the latest part: a key can stand across two
        self._repeated = False

    def add(self, piece: bytes) -> None:
        """Raises ``MalformedAnswer`` where there is too much without an image."""
        self._pieces.append(piece)
        self._bytes += len(piece)
        if self._bytes > HELD_BYTES_MAX:
            raise MalformedAnswer(f"its first {HELD_BYTES_MAX} bytes hold no image")

    def take(self) -> bytes:
        """All of it, which is then no longer held."""
        found, self._pieces, self._bytes = b"".join(self._pieces), [], 0
        if (text := self._answer.text()) and not self._repeated:
            self._repeated = ours_at(self._provider).key_in(self._text + text)
            self._text = text
            if self._repeated:
                _log.warning("the provider repeats its key in an answer", provider=self._provider.id)
        return ours_at(self._provider).blanked(found) if self._repeated else found


def answer_to(request: ImageRequest, *, hashed: bool = False) -> Answer:
    """What reads the answer to that request while it passes."""
    if request.text is not None:
        return ResponseEvents(request.text, hashed=hashed) if request.stream else ResponseAnswer(request.text, hashed=hashed)
    return ImageEvents(request.n, hashed=hashed) if request.stream else ImageAnswer(hashed=hashed)


def _token_rule(call: Call, route: Route) -> OutputTokens | None:
    price = route.price_list.price_of(route.upstream_model, call.received_at.date())
    return None if price is None else price.output_tokens


def _check_form(call: Call, response: UpstreamResponse) -> None:
    """A stream that was asked for and is none would end an app's loop without an image and without an error."""
    streamed = response.headers.get("content-type", "").lower().startswith(_EVENT_STREAM)
    if call.request.stream and not streamed:
        raise MalformedAnswer("it was asked for a stream and answered with something else")


def as_asked(delivery: Delivery, request: ImageRequest, route: Route) -> Delivery:
    """A size or quality that the answer does not echo, or that repeats our key, is taken to be the one that was asked for."""
    if ours_at(route.provider).key_in(f"{delivery.size} {delivery.quality}"):
        delivery = replace(delivery, size="", quality="")
    if delivery.size and delivery.quality:
        return delivery
    return replace(delivery, size=delivery.size or request.size, quality=delivery.quality or request.quality)


def _member(call: Call, delivery: Delivery, progress: Progress) -> dict[str, object] | None:
    if not call.app.tag_body:
        return None
    return progress.tag(call.request_id).member(delivery, [str(found) for found in progress.discrepancies])
