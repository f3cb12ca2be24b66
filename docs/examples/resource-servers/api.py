"""An API that checks Lingpai's access tokens itself, with PyJWT. ISSUER, AUDIENCE and PORT come from the environment."""
import json
import os
import re
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import jwt

ISSUER, AUDIENCE, PORT = os.environ["ISSUER"], os.environ["AUDIENCE"], int(os.environ["PORT"])


class Keys(jwt.PyJWKClient):
    """Keeps the last good key set while Lingpai is down, and asks once in ten seconds. PyJWKClient asks for each unknown kid."""

    last, next_time = None, 0.0

    def fetch_data(self):
        if time.monotonic() >= self.next_time:
            self.next_time = time.monotonic() + 10
            try:
                self.last = super().fetch_data()
            except (jwt.PyJWKClientError, OSError, ValueError):
                pass
        if self.last is None:
            raise jwt.PyJWKClientError("no keys yet")
        return self.last


keys = Keys(ISSUER + "/.well-known/jwks.json")


def claims_of(token):
    """What the token says, once it has turned out to be one of Lingpai's for this API."""
    key = keys.get_signing_key_from_jwt(token).key
    claims = jwt.decode(token, key, algorithms=["RS256"], issuer=ISSUER, audience=AUDIENCE,
                        options={"require": ["exp", "iss", "aud", "sub"]})
    # PyJWT does not look at the type, and ID tokens have another one. The signature, which is good by now, covers the header too.
    if jwt.get_unverified_header(token).get("typ") != "at+jwt":
        raise jwt.InvalidTokenError("not an access token")
    return claims


class API(BaseHTTPRequestHandler):
    def do_GET(self):
        # The header and nothing else: what stands in a URL ends in logs.
        token = re.fullmatch(r"(?i:bearer) ([\w.-]+)", self.headers.get("Authorization", ""), re.ASCII)
        if not token:
            return self.answer(401, {"error": "no token"}, "Bearer")
        try:
            claims = claims_of(token[1])
        except jwt.PyJWTError:
            if keys.last is None:  # our trouble and not the caller's, who keeps his token
                return self.answer(503, {"error": "no keys yet"})
            return self.answer(401, {"error": "invalid_token"}, 'Bearer error="invalid_token"')
        if "api" not in claims.get("scope", "").split():
            return self.answer(403, {"error": "insufficient_scope"}, 'Bearer error="insufficient_scope", scope="api"')
        self.answer(200, {"sub": claims["sub"], "user": "sid" in claims})  # without a session a client acts for itself

    def answer(self, status, body, challenge=None):
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        if challenge:
            self.send_header("WWW-Authenticate", challenge)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())


ThreadingHTTPServer(("127.0.0.1", PORT), API).serve_forever()
