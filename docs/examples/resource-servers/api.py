"""An API that verifies Lingpai access tokens offline, with PyJWT. ISSUER and AUDIENCE come from the environment, and PORT may."""
import json
import os
import re
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import jwt

ISSUER, AUDIENCE, PORT = os.environ["ISSUER"], os.environ["AUDIENCE"], int(os.environ.get("PORT", "9004"))


class Keys(jwt.PyJWKClient):
    """Keeps the last valid key set while Lingpai is down, and fetches at most every ten seconds.

    PyJWKClient fetches for each unknown kid.
    """

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
    """Returns the claims of a valid access token for this API, and raises jwt.PyJWTError for any other token."""
    key = keys.get_signing_key_from_jwt(token).key
    claims = jwt.decode(token, key, algorithms=["RS256"], issuer=ISSUER, audience=AUDIENCE,
                        options={"require": ["exp", "iss", "aud", "sub"]})
    # PyJWT does not check the type, which tells ID tokens from access tokens. The signature is valid by now, and covers the header.
    if jwt.get_unverified_header(token).get("typ") != "at+jwt":
        raise jwt.InvalidTokenError("not an access token")
    return claims


class API(BaseHTTPRequestHandler):
    def do_GET(self):
        # Only the header: URLs end up in logs.
        token = re.fullmatch(r"(?i:bearer) ([\w.-]+)", self.headers.get("Authorization", ""), re.ASCII)
        if not token:
            return self.answer(401, {"error": "no token"}, "Bearer")
        try:
            claims = claims_of(token[1])
        except jwt.PyJWTError:
            if keys.last is None:  # the token may be valid, so the caller should keep it
                return self.answer(503, {"error": "no keys yet"})
            return self.answer(401, {"error": "invalid_token"}, 'Bearer error="invalid_token"')
        if "api" not in claims.get("scope", "").split():
            return self.answer(403, {"error": "insufficient_scope"}, 'Bearer error="insufficient_scope", scope="api"')
        self.answer(200, {"sub": claims["sub"], "user": "sid" in claims})  # without a session, the client acts for itself

    def answer(self, status, body, challenge=None):
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        if challenge:
            self.send_header("WWW-Authenticate", challenge)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())


ThreadingHTTPServer(("127.0.0.1", PORT), API).serve_forever()
