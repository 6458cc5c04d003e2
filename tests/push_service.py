"""A push service and browsers behind it, on loopback: it takes what is signed for it, and they read what is theirs."""

from __future__ import annotations

import base64
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

CURVE = ec.SECP256R1()
SALT, SIZE, POINT = slice(0, 16), slice(16, 20), slice(21, 86)


def text_of(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def bytes_of(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def point_of(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def derived(secret: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    return HKDF(algorithm=SHA256(), length=length, salt=salt, info=info).derive(secret)


class TheirBrowser:
    """A browser's end of one subscription: decrypts as RFC 8291 lays down, by nothing of the sender's."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self._key, self._auth = ec.generate_private_key(CURVE), os.urandom(16)

    @property
    def gives(self) -> dict[str, str]:
        return {"endpoint": self.endpoint, "p256dh": text_of(point_of(self._key)), "auth": text_of(self._auth)}

    def read(self, body: bytes) -> dict[str, Any]:
        """Raises for what was not encrypted for this browser."""
        salt, sender, record = body[SALT], body[POINT], body[86:]
        assert body[20] == 65 and len(record) <= int.from_bytes(body[SIZE]) and len(body) <= 4096
        shared = self._key.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(CURVE, sender))
        info = b"WebPush: info\0" + point_of(self._key) + sender
        secret = derived(shared, self._auth, info, 32)
        key = derived(secret, salt, b"Content-Encoding: aes128gcm\0", 16)
        nonce = derived(secret, salt, b"Content-Encoding: nonce\0", 12)
        padded = AESGCM(key).decrypt(nonce, record, None)
        text, end, _ = padded.rstrip(b"\0").rpartition(b"\2")
        assert end == b"\2"
        found: dict[str, Any] = json.loads(text)
        return found


class PushServer:
    """Takes messages of whoever signs with `key`; `answers` says with which status, by path, else 201."""

    def __init__(self, url: str, key: str) -> None:
        self.url, self.key = url, key
        self.answers: dict[str, int] = {}
        self.taken: list[tuple[str, dict[str, str], bytes]] = []

    def browser(self, name: str) -> TheirBrowser:
        return TheirBrowser(f"{self.url}/push/{name}")

    def take(self, path: str, headers: dict[str, str], body: bytes) -> int:
        self._check(headers)
        self.taken.append((path, headers, body))
        return self.answers.get(path, 201)

    def _check(self, headers: dict[str, str]) -> None:
        """https://www.rfc-editor.org/rfc/rfc8292: signed with the key that browsers were given, for this service."""
        scheme, _, rest = headers["authorization"].partition(" ")
        parts = dict(part.strip().split("=", 1) for part in rest.split(","))
        assert scheme == "vapid" and parts["k"] == self.key
        public = ec.EllipticCurvePublicKey.from_encoded_point(CURVE, bytes_of(parts["k"]))
        # Its time is a test's own.
        options = {"verify_exp": False, "require": ["exp", "aud", "sub"]}
        claims = jwt.decode(parts["t"], public, algorithms=["ES256"], audience=self.url, options=options)
        assert claims["sub"] == "mailto:ops@example.com"
        assert (headers["content-encoding"], headers["ttl"].isdecimal()) == ("aes128gcm", True)


@contextmanager
def push_server(key: str) -> Iterator[PushServer]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            try:
                status = found.take(self.path, headers, body)
            except Exception as error:
                status = 401
                found.taken.append((self.path, {"problem": repr(error)}, b""))
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Tests say what they expect themselves."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found = PushServer(f"http://127.0.0.1:{server.server_port}", key)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
