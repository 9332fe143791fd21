"""Where the model's name goes, by the options of a provider."""

from gateway.core.contract.wire import OPENAI, ModelIn, Wire


def test_a_deployment_is_named_in_the_path_and_nowhere_else() -> None:
    """Whatever is in its name: it stays one segment of the path."""
    wire = Wire(model_in=ModelIn.PATH)
    assert wire.path_of("images/edits", "my image/2") == "deployments/my%20image%2F2/images/edits"
    assert wire.body_model("my image/2") is None
    assert (OPENAI.path_of("images/edits", "m"), OPENAI.body_model("m")) == ("images/edits", "m")
