"""Password hashes, each made by the library of the system that writes it.

Prints a JSON array of {"name", "password", "hash"}. With the argument "fast" the costs are low, for the vectors of
src/hashing/foreign/vectors.json.
"""

import base64
import hashlib
import json
import os
import struct
import subprocess
import sys
import unicodedata

import argon2
import bcrypt
import django
from django.conf import settings
from django.contrib.auth import hashers
from passlib import hash as passlib

FAST = sys.argv[1:] == ["fast"]
PASSWORD = "mein pinguin tänzt 🐧"
LONG = "über und über und über und über und über und über und über und über 72 Bytes hinaus"
DECOMPOSED = unicodedata.normalize("NFD", PASSWORD)

settings.configure(
    PASSWORD_HASHERS=[
        "django.contrib.auth.hashers." + name
        for name in (
            "PBKDF2PasswordHasher",
            "PBKDF2SHA1PasswordHasher",
            "Argon2PasswordHasher",
            "BCryptSHA256PasswordHasher",
            "BCryptPasswordHasher",
            "ScryptPasswordHasher",
        )
    ]
)
django.setup()


def of_bcrypt(password, prefix, cost):
    # bcrypt 5 refuses to truncate; earlier versions and other systems do it.
    made = bcrypt.hashpw(password.encode()[:72], bcrypt.gensalt(cost)).decode()
    return made.replace("$2b$", prefix, 1)


def of_aspnet(prf, name, iterations, salt_bytes=16, digest_bytes=32):
    """ASP.NET Identity version 3, by the layout that Microsoft documents; there is no .NET here."""
    salt = os.urandom(salt_bytes)
    digest = hashlib.pbkdf2_hmac(name, PASSWORD.encode(), salt, iterations, digest_bytes)
    return base64.b64encode(struct.pack(">BIII", 1, prf, iterations, salt_bytes) + salt + digest).decode()


def of_aspnet_2():
    salt = os.urandom(16)
    return base64.b64encode(b"\0" + salt + hashlib.pbkdf2_hmac("sha1", PASSWORD.encode(), salt, 1000, 32)).decode()


def of_keycloak(name, iterations, digest_bytes):
    """The line that docs/migrating.md makes of a credential of Keycloak."""
    salt = os.urandom(16)
    digest = hashlib.pbkdf2_hmac(name, PASSWORD.encode(), salt, iterations, digest_bytes)
    encode = lambda data: base64.b64encode(data).decode()
    return f"$pbkdf2-{name}$i={iterations}${encode(salt)}${encode(digest)}"


def of_scrypt(ln, r, p):
    salt = os.urandom(16)
    digest = hashlib.scrypt(PASSWORD.encode(), salt=salt, n=1 << ln, r=r, p=p, dklen=32, maxmem=1 << 28)
    encode = lambda data: base64.b64encode(data).decode().rstrip("=")
    return f"$scrypt$ln={ln},r={r},p={p}${encode(salt)}${encode(digest)}"


def of_openssl(number, salt):
    return subprocess.run(
        ["openssl", "passwd", f"-{number}", "-salt", salt, "-stdin"],
        input=PASSWORD, capture_output=True, text=True, check=True,
    ).stdout.strip()


def of_argon2(kind):
    hasher = argon2.PasswordHasher(time_cost=2, memory_cost=64 if FAST else 8192, parallelism=2, type=kind)
    return hasher.hash(PASSWORD)


def of_django(name, **cost):
    hasher = hashers.get_hasher(name)
    for member, value in cost.items():
        setattr(hasher, member, value)
    return hasher.encode(PASSWORD, hasher.salt())


iterations = 1_000 if FAST else 29_000
cost = 4 if FAST else 10
ln = 5 if FAST else 14
made = [
    ("argon2i", PASSWORD, of_argon2(argon2.Type.I)),
    ("argon2d", PASSWORD, of_argon2(argon2.Type.D)),
    ("argon2id", PASSWORD, of_argon2(argon2.Type.ID)),
    ("bcrypt $2a$", PASSWORD, of_bcrypt(PASSWORD, "$2a$", cost)),
    ("bcrypt $2b$", PASSWORD, of_bcrypt(PASSWORD, "$2b$", cost)),
    ("bcrypt $2y$", PASSWORD, of_bcrypt(PASSWORD, "$2y$", cost)),
    ("bcrypt long", LONG, of_bcrypt(LONG, "$2b$", cost)),
    ("bcrypt decomposed", DECOMPOSED, of_bcrypt(DECOMPOSED, "$2b$", cost)),
    ("scrypt", PASSWORD, of_scrypt(ln, 8, 1)),
    ("passlib scrypt", PASSWORD, passlib.scrypt.using(rounds=ln).hash(PASSWORD)),
    ("passlib pbkdf2-sha1", PASSWORD, passlib.pbkdf2_sha1.using(rounds=iterations).hash(PASSWORD)),
    ("passlib pbkdf2-sha256", PASSWORD, passlib.pbkdf2_sha256.using(rounds=iterations).hash(PASSWORD)),
    ("passlib pbkdf2-sha512", PASSWORD, passlib.pbkdf2_sha512.using(rounds=iterations).hash(PASSWORD)),
    ("Keycloak pbkdf2-sha256", PASSWORD, of_keycloak("sha256", iterations, 64)),
    ("Keycloak pbkdf2-sha512", PASSWORD, of_keycloak("sha512", iterations, 64)),
    ("Django pbkdf2_sha256", PASSWORD, of_django("pbkdf2_sha256", iterations=iterations)),
    ("Django pbkdf2_sha1", PASSWORD, of_django("pbkdf2_sha1", iterations=iterations)),
    ("Django argon2", PASSWORD, of_django("argon2", memory_cost=256, parallelism=1)),
    ("Django bcrypt", PASSWORD, of_django("bcrypt", rounds=cost)),
    ("Django bcrypt_sha256", PASSWORD, of_django("bcrypt_sha256", rounds=cost)),
    ("Django scrypt", PASSWORD, of_django("scrypt", work_factor=1 << ln)),
    ("ASP.NET 3 sha1", PASSWORD, of_aspnet(0, "sha1", iterations)),
    ("ASP.NET 3 sha256", PASSWORD, of_aspnet(1, "sha256", iterations)),
    ("ASP.NET 3 sha512", PASSWORD, of_aspnet(2, "sha512", iterations)),
    ("ASP.NET 2", PASSWORD, of_aspnet_2()),
    ("openssl $5$", PASSWORD, of_openssl(5, "salzsalz")),
    ("openssl $6$", PASSWORD, of_openssl(6, "salzsalzsalzsalz")),
    ("passlib $5$", PASSWORD, passlib.sha256_crypt.using(rounds=1_000).hash(PASSWORD)),
    ("passlib $6$", PASSWORD, passlib.sha512_crypt.using(rounds=1_234).hash(PASSWORD)),
]
print(json.dumps([{"name": name, "password": password, "hash": text} for name, password, text in made], indent=1, ensure_ascii=False))
