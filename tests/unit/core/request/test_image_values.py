"""Whatever can be an image counts as one, under any name and at any depth; a prompt that mentions a link is a text."""

from typing import Any

import pytest

from gateway.core.request.image_values import images_in
from gateway.core.request.images import Operation, parse

LINK, DATA = "https://pictures.example/cat.png", "data:image/png;base64,iVBORw0KGgo="
WISH = {"model": "gpt-image-2", "prompt": f"like {LINK}"}


@pytest.mark.parametrize(
    ("more", "count"),
    [
        ({}, 0),
        ({"image": LINK}, 1),
        ({"image": DATA}, 1),
        ({"image": "iVBORw0KGgo="}, 1),
        ({"images": [LINK, DATA]}, 2),
        ({"images": [{"image_url": LINK, "detail": "high"}, {"file_id": "file-1"}]}, 2),
        ({"image_url": {"url": LINK, "detail": "high"}}, 1),
        ({"reference_images": [LINK]}, 1),
        ({"input_image": LINK, "mask": DATA}, 2),
        ({"init-image": "iVBORw0KGgo="}, 1),
        ({"imageUrl": "cat.png"}, 1),
        ({"image[0]": LINK, "image[]": LINK}, 2),
        ({"file_id": "file-1"}, 1),
        ({"controls": [{"strength": 0.5, "source": f" {DATA}"}]}, 1),
        ({"extra": {"deep": {"deeper": [LINK]}}}, 1),
        ({"image": None, "mask": "", "images": []}, 0),
        ({"image_size": "1024x1024", "image_count": 3, "imagination": "wild", "seed": 7}, 0),
        ({"user": LINK, "safety_identifier": DATA, "style": "vivid"}, 0),
    ],
)
def test_what_can_be_an_image_counts_once(more: dict[str, Any], count: int) -> None:
    """By its name or by what it says; what is known to be something else does not."""
    assert images_in(WISH | more) == count
    assert parse(Operation.GENERATION, WISH | more, members=frozenset(WISH | more)).references == count


def test_what_a_reader_has_counted_is_not_counted_twice() -> None:
    """The images and overlays of a JSON edit, and the files of a form; what else comes along is added."""
    edit = WISH | {"images": [{"image_url": LINK}], "mask": {"image_url": DATA}}
    assert parse(Operation.EDIT, edit, 2).references == 2
    assert parse(Operation.EDIT, edit | {"image": LINK, "reference_images": [DATA]}, 2).references == 4
    assert parse(Operation.EDIT, WISH | {"image": LINK}, 1, form=True).references == 2
