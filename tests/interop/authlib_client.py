"""Authlib, the usual OAuth client of Python applications."""

import html
import json
import os
import re
from urllib.parse import urljoin, urlsplit, parse_qs

import requests
from authlib.common.security import generate_token
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

FACTS = json.loads(os.environ["CLOAKROOM"])
ISSUER = FACTS["issuer"]


def call(path, token, status):
    answer = requests.get(ISSUER + path, headers={"authorization": f"Bearer {token}"}, timeout=30)
    assert answer.status_code == status, answer.text
    return answer.json()


class Person:
    """Browser of a user, without scripts; see facts.mjs."""

    def __init__(self):
        self.cookies = {}

    def fetch(self, url, form):
        # Not a cookie jar of `requests`: unlike browsers, it sends no `Secure` cookie to localhost.
        headers = {"cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        method = "POST" if form else "GET"
        answer = requests.request(method, url, data=form, headers=headers, allow_redirects=False, timeout=30)
        for line in answer.raw.headers.getlist("set-cookie"):
            name, value = line.split(";")[0].split("=", 1)
            self.cookies[name] = value
        return answer

    def visit(self, url):
        form = None
        for _ in range(10):
            answer = self.fetch(url, form)
            form = None
            if "location" in answer.headers:
                url = urljoin(url, answer.headers["location"])
                if not url.startswith(ISSUER):
                    return url
                continue
            page = answer.text
            hidden = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)"', page)
            form = {name: html.unescape(value) for name, value in hidden}
            form |= {**FACTS["user"], "choice": "log-in"} if 'type="password"' in page else {"choice": "allow"}
            url = urljoin(url, re.search(r'<form[^>]* action="([^"]*)"', page)[1])
        raise AssertionError(f"redirect loop: {url}")


metadata = requests.get(f"{ISSUER}/.well-known/openid-configuration", timeout=30).json()
token_endpoint = metadata["token_endpoint"]

# Clients without a user.
for name, method in (("service", "client_secret_basic"), ("posting-service", "client_secret_post")):
    secret = FACTS["secrets"][name]
    service = OAuth2Session(name, secret, scope="users:read:any", token_endpoint_auth_method=method)
    call("/users", service.fetch_token(token_endpoint, grant_type="client_credentials")["access_token"], 200)
key = ECKey.import_key(FACTS["key"])
signing = OAuth2Session("signing-service", key, scope="users:read:any", token_endpoint_auth_method="private_key_jwt")
signing.register_client_auth_method(PrivateKeyJWT(token_endpoint, headers={"kid": FACTS["key"]["kid"]}, alg="ES256"))
call("/users", signing.fetch_token(token_endpoint, grant_type="client_credentials")["access_token"], 200)

# A client with a user.
app = OAuth2Session(
    "app", FACTS["secrets"]["app"], scope="openid email users:read", redirect_uri=FACTS["callback"],
    token_endpoint_auth_method="client_secret_post", revocation_endpoint_auth_method="client_secret_post",
    code_challenge_method="S256",
)
verifier, nonce = generate_token(48), generate_token(20)
url, state = app.create_authorization_url(metadata["authorization_endpoint"], code_verifier=verifier, nonce=nonce)
callback = Person().visit(url)
answer = parse_qs(urlsplit(callback).query)
assert answer["iss"] == [ISSUER] and answer["state"] == [state], answer
tokens = app.fetch_token(token_endpoint, authorization_response=callback, code_verifier=verifier, state=state)
claims = jwt.decode(tokens["id_token"], KeySet.import_key_set(requests.get(metadata["jwks_uri"], timeout=30).json()))
jwt.JWTClaimsRegistry(
    iss={"essential": True, "value": ISSUER},
    aud={"essential": True, "value": "app"},
    nonce={"essential": True, "value": nonce},
    exp={"essential": True},
).validate(claims.claims)
assert call("/users/me", tokens["access_token"], 200)["id"] == claims.claims["sub"]
assert app.get(metadata["userinfo_endpoint"]).json()["email"] == FACTS["user"]["email"]

refreshed = app.refresh_token(token_endpoint, refresh_token=tokens["refresh_token"])
assert refreshed["refresh_token"] != tokens["refresh_token"]
told = app.introspect_token(metadata["introspection_endpoint"], token=refreshed["access_token"]).json()
assert told["active"] and told["sub"] == claims.claims["sub"], told
app.revoke_token(metadata["revocation_endpoint"], token=refreshed["refresh_token"]).raise_for_status()
call("/users/me", refreshed["access_token"], 401)
