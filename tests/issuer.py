"""
An OpenID Connect issuer on loopback, and the shapes in which companies' providers send who somebody is.

The shapes are as the providers' own pages describe them; none of the providers was asked.
"""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from tests.waiting import PATIENCE_S

AUDIENCE = "https://remit.example"
RSA = [rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2)]
EC, ED = ec.generate_private_key(ec.SECP256R1()), ed25519.Ed25519PrivateKey.generate()


def published(key: Any, kid: str, **more: Any) -> dict[str, Any]:
    """The public half of a key, as an issuer lists it."""
    algorithm = {rsa.RSAPrivateKey: "RS256", ec.EllipticCurvePrivateKey: "ES256"}
    name = next((name for kind, name in algorithm.items() if isinstance(key, kind)), "EdDSA")
    as_dict = jwt.get_algorithm_by_name(name).to_jwk(key.public_key(), as_dict=True)
    return {**as_dict, "kid": kid, **more}


class Issuer:
    """
    A real one on loopback, below the path `at`. `keys` is what it publishes, `asked` how often, `described` what it
    says of itself and `discovered` how often; it answers while `answers` is set. Who asks at `token_endpoint` with a
    client's word gets an access token with the claims `granted`.
    """

    def __init__(self, at: str = "") -> None:
        self.keys: list[dict[str, Any]] = [published(RSA[0], "k-0", use="sig", alg="RS256")]
        self.granted: dict[str, Any] = {}
        self.asked = self.discovered = 0
        self.answers = threading.Event()
        self.answers.set()
        self.redirects = False
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path == f"{at}/keys":
                    issuer.asked += 1
                else:
                    issuer.discovered += 1
                issuer.answers.wait(PATIENCE_S)
                known = {f"{at}/.well-known/openid-configuration": issuer.described}
                self._answer({**known, f"{at}/keys": {"keys": issuer.keys}}.get(self.path, {}))

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                self._answer({"access_token": issuer.token(**issuer.granted), "token_type": "Bearer"})

            def _answer(self, said: dict[str, Any]) -> None:
                body = json.dumps(said).encode()
                self.send_response(302 if issuer.redirects else 200)
                if issuer.redirects:
                    self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Says nothing."""

        self._handler = Handler
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}{at}"
        self.described: dict[str, Any] = {
            "issuer": self.url,
            "jwks_uri": f"{self.url}/keys",
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
        }
        self._serve()

    def _serve(self) -> None:
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def down(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def up(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), self._handler)
        self._serve()

    def claims(self, **changes: Any) -> dict[str, Any]:
        """Those of a plain token, with these changed; `None` leaves one out."""
        now = int(time.time())
        said = {
            "iss": self.url,
            "aud": AUDIENCE,
            "sub": "ann",
            "tenant": "acme",
            "roles": ["approver"],
            "iat": now,
            "exp": now + 300,
            **changes,
        }
        return {name: value for name, value in said.items() if value is not None}

    def token(self, *, key: Any = RSA[0], kid: str | None = "k-0", algorithm: str = "RS256", **changes: Any) -> str:
        return jwt.encode(self.claims(**changes), key, algorithm, headers={"kid": kid} if kid else {})


@dataclass(frozen=True)
class Shape:
    """
    A provider's way: below which path it is, how it lists its keys, what it says of ann, and the settings of Remit that
    its section of `docs/sign-in.md` names. `grants` is the value of `REMIT_OIDC_GROUPS`.
    """

    at: str
    claims: dict[str, Any]
    settings: dict[str, str]
    grants: str
    is_known_as: str
    keys: list[dict[str, Any]] = field(default_factory=list)


KEYCLOAK = {
    "preferred_username": "ann",
    "email": "ann@example.com",
    "email_verified": True,
    "groups": ["/finance/Approvers of refunds", "/everybody"],
    "realm_access": {"roles": ["admin", "offline_access"]},
    "azp": "remit-console",
    "sid": "5e5b0b2f-8d6c-4f0e-9a53-0c2f5e1f2c11",
}
_DIRECTORY, _GROUP = "72f988bf-86f1-41af-91ab-2d7cd011db47", "0a1f6c9e-3d5b-4a77-8a0d-5f6b7c8d9e01"
_OBJECT = "b3c1f7a2-64de-4f8a-9c2e-1d2e3f4a5b6c"
ENTRA = {
    "oid": _OBJECT,
    # Of this application alone: another one of the same directory gets another.
    "sub": "AAAAAAAAAAAAAAAAAAAAAIkzqFVrSaSaFHy782bbtaQ",
    "preferred_username": "ann@example.com",
    "email": "ann@example.com",
    "tid": _DIRECTORY,
    "ver": "2.0",
    "groups": [_GROUP, "11111111-2222-3333-4444-555555555555"],
    "tenant": None,
    "roles": None,
}
OKTA = {
    "ver": 1,
    "cid": "0oa1remit",
    "uid": "00u1ann",
    "scp": ["openid", "profile", "groups"],
    "sub": "ann@example.com",
    "login": "ann@example.com",
    "groups": ["Everyone", "Finance approvers"],
    "tenant": None,
    "roles": None,
}
GOOGLE = {
    "azp": "1234.apps.googleusercontent.com",
    "sub": "110169484474386276334",
    "hd": "example.com",
    "email": "ann@example.com",
    "email_verified": True,
    "tenant": None,
    "roles": None,
}


def _granted(group: str) -> str:
    return json.dumps({group: {"roles": ["approver"], "tenant": "acme"}})


_ENTRA_KEY = published(RSA[0], "k-0", use="sig", x5t="k-0", x5c=["MIIC"], cloud_instance_name="microsoftonline.com")
"""Without `alg`, as Entra lists them."""
_ENCRYPTS = published(RSA[1], "k-1", use="enc", alg="RSA-OAEP")
"""As Keycloak lists it beside the one that signs."""

SHAPES = {
    "keycloak": Shape(
        at="/realms/company",
        claims={**KEYCLOAK, "tenant": None, "roles": None},
        settings={"name_claim": "preferred_username"},
        grants=_granted("/finance/Approvers of refunds"),
        is_known_as="ann",
        keys=[_ENCRYPTS, published(RSA[0], "k-0", use="sig", alg="RS256")],
    ),
    "entra": Shape(
        at=f"/{_DIRECTORY}/v2.0",
        claims=ENTRA,
        settings={"name_claim": "oid"},
        grants=_granted(_GROUP),
        is_known_as=_OBJECT,
        keys=[_ENTRA_KEY],
    ),
    "entra's app roles": Shape(
        at=f"/{_DIRECTORY}/v2.0",
        claims={**ENTRA, "groups": None, "roles": ["Refunds.Approve"]},
        settings={"name_claim": "preferred_username", "groups_claim": "roles"},
        grants=_granted("Refunds.Approve"),
        is_known_as="ann@example.com",
        keys=[_ENTRA_KEY],
    ),
    "okta": Shape(
        at="/oauth2/default",
        claims=OKTA,
        settings={"name_claim": "login"},
        grants=_granted("Finance approvers"),
        is_known_as="ann@example.com",
    ),
    "google": Shape(
        at="",
        claims=GOOGLE,
        settings={"name_claim": "email", "groups_claim": "hd"},
        grants=_granted("example.com"),
        is_known_as="ann@example.com",
    ),
}
