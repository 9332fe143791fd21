"""Signatures that finance can check without the gateway: Ed25519, as compact JWS (RFC 7515, RFC 9864)."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, OKPKey

ALGORITHM = "Ed25519"
_REGISTRY = jws.JWSRegistry(algorithms=[ALGORITHM])


class NoSigningKey(ValueError):
    """The text is no Ed25519 private key. Its text does not hold it."""


class BadSignature(Exception):
    """Why a signature does not hold, a sentence."""


class Signer:
    """Signs with one private key, given as a JWK; raises ``NoSigningKey``."""

    def __init__(self, jwk: str) -> None:
        self._key = _private(jwk)
        self.kid = self._key.thumbprint()

    def sign(self, claims: Mapping[str, Any], kind: str) -> str:
        """A compact JWS over the claims; ``kind`` is its type, such as ``ledger-root``."""
        header = {"alg": ALGORITHM, "kid": self.kid, "typ": kind}
        return jws.serialize_compact(header, _canonical(claims), self._key, registry=_REGISTRY)

    @property
    def public(self) -> dict[str, Any]:
        """The public half, as a JWK."""
        return _published(self._key)


def key_set(keys: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Public keys as ``/.well-known/jwks.json`` has them."""
    return {"keys": list(keys)}


def verified(signature: str, public: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """The claims that one of the public keys (a JWK set) has signed as that kind; raises ``BadSignature``."""
    try:
        found = jws.deserialize_compact(signature, KeySet.import_key_set({"keys": list(public["keys"])}), registry=_REGISTRY)
        claims = json.loads(found.payload or b"")
    except (JoseError, ValueError, KeyError, TypeError) as error:
        raise BadSignature(f"it does not hold under these keys ({type(error).__name__})") from error
    if found.headers().get("typ") != kind or not isinstance(claims, dict):
        raise BadSignature(f"it is no signature of a {kind}")
    return claims


def new_key() -> str:
    """A new private key, as a JWK on one line."""
    key = OKPKey.generate_key("Ed25519", private=True)
    return json.dumps(key.as_dict(private=True), sort_keys=True, separators=(",", ":"))


def published(jwk: str) -> dict[str, Any]:
    """The public half of a key, private or public, as a JWK; raises ``NoSigningKey``."""
    return _published(_imported(jwk))


def _private(jwk: str) -> OKPKey:
    key = _imported(jwk)
    if not key.is_private:
        raise NoSigningKey("it is a public key, and only a private one signs")
    return key


def _imported(jwk: str) -> OKPKey:
    try:
        key = OKPKey.import_key(json.loads(jwk))
    except (JoseError, ValueError, KeyError, TypeError) as error:
        raise NoSigningKey("it is no key as 'gateway ledger key' makes it") from error
    if key.curve_name != "Ed25519":
        raise NoSigningKey("it is no Ed25519 key")
    return key


def _published(key: OKPKey) -> dict[str, Any]:
    return {**key.as_dict(private=False), "kid": key.thumbprint(), "alg": ALGORITHM, "use": "sig"}


def _canonical(claims: Mapping[str, Any]) -> bytes:
    return json.dumps(claims, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()
