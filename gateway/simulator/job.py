"""The making of a wish's images: what is drawn, what it costs, and the frames of the answer."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from gateway.simulator.answers import answer, completed_event, partial_event
from gateway.simulator.drawing import Encoding, Picture, render
from gateway.simulator.faults import FewerImagesFault, Strike
from gateway.simulator.references import Reference
from gateway.simulator.usage import Tokens, image_in_tokens, image_out_tokens, text_in_tokens
from gateway.simulator.validation import Wish


@dataclass(frozen=True, slots=True)
class Job:
    """``bills`` has one entry for each of ``pictures``: the first one bears the input tokens, so that their sum is the bill.

    ``latency_ms`` is spread evenly over the events of a stream.
    """

    wish: Wish
    pictures: tuple[Picture, ...]
    bills: tuple[Tokens, ...]
    latency_ms: int

    @property
    def bill(self) -> Tokens:
        """The tokens of all images."""
        return sum(self.bills, Tokens())

    async def body(self) -> bytes:
        """The whole answer."""
        await asyncio.sleep(self.latency_ms / 1000)
        images = [renderings[-1] for renderings in await self.rendered()]
        return await asyncio.to_thread(answer, self.wish, int(time.time()), images, self.bill)

    async def rendered(self) -> list[tuple[bytes, ...]]:
        """Of each picture its partial images, then itself, as files."""
        return await asyncio.gather(*(self._rendered(picture) for picture in self.pictures))

    async def events(self) -> AsyncIterator[bytes]:
        """The events of a stream: for each image its partial images, then the image."""
        steps = self.wish.partial_images + 1
        pause_s = self.latency_ms / 1000 / (steps * max(1, len(self.pictures)))
        for picture, bill in zip(self.pictures, self.bills, strict=True):
            *partials, final = await self._rendered(picture)
            for index, partial in enumerate(partials):
                await asyncio.sleep(pause_s)
                yield partial_event(self.wish, int(time.time()), partial, index)
            await asyncio.sleep(pause_s)
            yield completed_event(self.wish, int(time.time()), final, bill)

    async def _rendered(self, picture: Picture) -> tuple[bytes, ...]:
        encoding = Encoding(self.wish.output_format, self.wish.output_compression)
        return await asyncio.to_thread(render, picture, encoding, self.wish.partial_images)


def accept(wish: Wish, references: Sequence[Reference], name: str, latency_ms: int, strike: Strike) -> Job:
    """The job as it will be done, faults included."""
    count = wish.n
    if isinstance(strike.fault, FewerImagesFault):
        count = min(count, strike.fault.images)
    elif strike.kind == "empty_data":
        count = 0
    pictures = tuple(_picture(wish, references, name, index, strike) for index in range(count))
    return Job(wish, pictures, _bills(wish, references, count), latency_ms)


def _picture(wish: Wish, references: Sequence[Reference], name: str, index: int, strike: Strike) -> Picture:
    width_px, height_px = wish.pixels
    if strike.kind == "wrong_size":
        width_px, height_px = width_px // 2, height_px // 2
    number = f" · {index + 1} of {wish.n}" if wish.n > 1 else ""
    return Picture(
        prompt=wish.prompt,
        index=index,
        width_px=width_px,
        height_px=height_px,
        caption=f"{name} · {wish.model.id} · {wish.size} · {wish.quality}{number}",
        transparent=wish.background == "transparent",
        references=tuple(reference.thumbnail for reference in references),
    )


def _bills(wish: Wish, references: Sequence[Reference], count: int) -> tuple[Tokens, ...]:
    width_px, height_px = wish.pixels
    output = Tokens(image_out=image_out_tokens(wish.model, wish.quality, width_px, height_px, wish.partial_images))
    image_in = sum(image_in_tokens(reference.width_px, reference.height_px) for reference in references)
    inputs = Tokens(text_in=text_in_tokens(wish.prompt), image_in=image_in)
    return tuple(output if index else inputs + output for index in range(count))
