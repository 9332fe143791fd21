"""Encryption of results at rest: AES-256-GCM, each file under a key of its own, its frames bound to their places in it."""

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gateway.core.secret import Secret

SALT_BYTES = 16
_NONCE_BYTES = 12
_PURPOSE = b"igw result 1"


class DecryptionFailed(Exception):
    """The bytes are not what was written under this key and name."""


class FrameCipher:
    """Encrypts the frames of one file, by their numbers. Without a key they stay as they are, and the salt is empty."""

    def __init__(self, key: Secret | None, name: str, salt: bytes | None = None) -> None:
        self._cipher: AESGCM | None = None
        self._name = name.encode()
        self.salt = bytes(SALT_BYTES)
        if key is not None:
            self.salt = salt or os.urandom(SALT_BYTES)
            derived = HKDF(SHA256(), 32, self.salt, _PURPOSE).derive(key.reveal().encode())
            self._cipher = AESGCM(derived)

    def encrypt(self, number: int, frame: bytes) -> bytes:
        """The frame as it is written."""
        return frame if self._cipher is None else self._cipher.encrypt(_nonce(number), frame, self._name)

    def decrypt(self, number: int, encrypted: bytes) -> bytes:
        """The frame as it was; raises ``DecryptionFailed``."""
        if self._cipher is None:
            return encrypted
        try:
            return self._cipher.decrypt(_nonce(number), encrypted, self._name)
        except InvalidTag as error:
            raise DecryptionFailed from error


def _nonce(number: int) -> bytes:
    """The file's key is used for nothing else, so that numbers are enough."""
    return number.to_bytes(_NONCE_BYTES, "big")
