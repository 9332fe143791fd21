"""The caller's body on its way to the provider."""

import json

from hypothesis import given
from hypothesis import strategies as st

from gateway.relay.request_body import RequestBody


def test_only_the_model_is_changed() -> None:
    """Unknown members, number formats and order stay as they came."""
    body = b'{"model":"gpt-image-2","prompt":"\\u00e9","seed":1.50,"svg":{"reasoning": {"effort":"low"}},"n":2}'
    assert RequestBody(body).for_upstream("azure-7") == body.replace(b"gpt-image-2", b"azure-7")


def test_a_provider_s_own_members_are_added_and_its_deployment_is_not_named() -> None:
    """What the caller has sent stays, be it null."""
    body = RequestBody(b'{"model":"a","style":"vivid","response_format":null}')
    members = {"style": "natural", "response_format": "b64_json", "watermark": False}
    assert json.loads(body.for_upstream(None, members)) == {"style": "vivid", "response_format": None, "watermark": False}
    assert json.loads(body.for_upstream("b", members))["model"] == "b"


@given(
    st.dictionaries(
        st.text(),
        st.none() | st.integers(-(2**63), 2**63) | st.text() | st.lists(st.floats(allow_nan=False, allow_infinity=False)),
    )
)
def test_every_other_member_arrives(fields: dict[str, object]) -> None:
    """Nothing is dropped, whatever it is called."""
    sent = json.loads(RequestBody(json.dumps(fields).encode()).for_upstream("m"))
    assert sent == fields | {"model": "m"}
