"""An image's hash while its base64 text passes, in whatever pieces it comes."""

import base64
import hashlib
import json

from hypothesis import given
from hypothesis import strategies as st

from gateway.relay.answer import ImageAnswer, ImageEvents
from gateway.relay.picture_digest import PictureDigest, hashed_picture
from tests.unit.relay.test_picture import image

PNG = image("PNG")


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@given(st.binary(max_size=400), st.lists(st.integers(0, 600), max_size=6), st.booleans())
def test_it_is_that_of_the_file(content: bytes, cuts: list[int], escaped: bool) -> None:
    """However the text is cut and escaped."""
    text = base64.b64encode(content).replace(b"/", b"\\/" if escaped else b"/")
    digest, position = PictureDigest(), 0
    for cut in [*sorted(min(cut, len(text)) for cut in cuts), len(text)]:
        digest.feed(text, position, cut)
        position = cut
    assert digest.hexdigest() == sha256(content)


def test_what_is_not_base64_has_none() -> None:
    """A hash of something else would be worse than none."""
    for text in (b"????", b"QUJ", b"QUJDRA=", b"QQ==QQ=="):
        digest = PictureDigest()
        digest.feed(text)
        assert digest.hexdigest() == ""
    assert hashed_picture(b"QUJD") is None


@given(st.integers(1, 4000))
def test_an_answer_hashes_its_images_where_that_is_wanted(piece: int) -> None:
    """Whole, in pieces and as events; otherwise nothing is hashed."""
    text = base64.b64encode(PNG).decode()
    body = json.dumps({"created": 1, "data": [{"b64_json": text}, {"b64_json": text}]}).encode()
    for wanted, expected in ((True, [sha256(PNG)] * 2), (False, ["", ""])):
        answer = ImageAnswer(hashed=wanted)
        for start in range(0, len(body), piece):
            answer.feed(body[start : start + piece])
        assert [picture.sha256 for picture in answer.delivery().pictures] == expected
    event = b"event: image_generation.completed\ndata: " + json.dumps({"b64_json": text, "type": "x"}).encode() + b"\n\n"
    stream = ImageEvents(1, hashed=True)
    for start in range(0, len(event), piece):
        stream.feed(event[start : start + piece])
    assert [picture.sha256 for picture in stream.delivery().pictures] == [sha256(PNG)]
