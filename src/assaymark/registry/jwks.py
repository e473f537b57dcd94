"""An issuer's public keys (RFC 7517): fetched by whoever is given, kept for a bounded time, asked for again rarely.

What a stranger sends decides nothing but a key's id, and an id that is unknown makes us ask at most once a minute.
"""

import threading
from collections.abc import Callable, Mapping
from typing import Any

from assaymark.core.errors import AssayError, Malformed, Untrusted
from assaymark.core.strictjson import loads

LARGEST = 256 << 10
"""Bytes of a key set."""
_MOST = 64
"""Keys of a set."""
_FRESH = 3600.0
"""Seconds after which the set is asked for again."""
_OLDEST = 24 * 3600.0
"""Seconds after which it is not used any more, where the issuer does not answer: a key may have been withdrawn."""
_PATIENCE = 60.0
"""Seconds between two attempts, whether one failed or a key's id was unknown."""
_FIRST = 10.0
"""Seconds to wait for another thread that fetches the first set."""
_FITS = {"RS256": "RSA", "ES256": "EC", "EdDSA": "OKP"}


class KeySet:
    """`fetch` gives the document, at most LARGEST bytes, or raises AssayError; `monotonic` gives seconds."""

    def __init__(self, fetch: Callable[[], bytes], monotonic: Callable[[], float]) -> None:
        self._fetch = fetch
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._keys: Mapping[tuple[str, str], Any] = {}
        self._fetched: float | None = None
        self._tried: float | None = None

    def key(self, kid: str, algorithm: str) -> Any:
        """The key of that id, made for that algorithm; raises Untrusted."""
        name = (kid, algorithm)
        if self._age() > _FRESH or name not in self._keys:
            self._refresh()
        if self._age() > _OLDEST:
            raise Untrusted("the keys of its issuer cannot be had")
        if name not in self._keys:
            raise Untrusted("its issuer has no such key")
        return self._keys[name]

    def _age(self) -> float:
        return self._monotonic() - self._fetched if self._fetched is not None else float("inf")

    def _refresh(self) -> None:
        """Ask again unless that was done a minute ago; one thread does, the others go on with what there is."""
        if not self._lock.acquire(timeout=_FIRST if self._fetched is None else 0):
            return
        try:
            now = self._monotonic()
            if self._tried is not None and now - self._tried < _PATIENCE:
                return
            self._tried = now
            self._keys = read_keys(self._fetch())
            self._fetched = now
        except AssayError:
            pass  # what was fetched before serves until it is too old
        finally:
            self._lock.release()


def read_keys(document: bytes) -> dict[tuple[str, str], Any]:
    """Keys that may sign, by id and algorithm; raises Malformed. Keys of other kinds are passed over."""
    found = loads(document, "the key set", limit=LARGEST)
    entries = found.get("keys") if isinstance(found, dict) else None
    if not isinstance(entries, list) or len(entries) > _MOST:
        raise Malformed(f"the key set is no list of at most {_MOST} keys")
    keys: dict[tuple[str, str], Any] = {}
    for entry in entries:
        for algorithm, kind in _FITS.items():
            if isinstance(entry, dict) and isinstance(entry.get("kid"), str) and _usable(entry, kind, algorithm):
                name = (entry["kid"], algorithm)
                if name in keys:
                    raise Malformed("the key set has two keys of one id")
                keys[name] = _key(entry)
    return {name: key for name, key in keys.items() if key is not None}


def _usable(entry: Mapping[str, Any], kind: str, algorithm: str) -> bool:
    if entry.get("kty") != kind or entry.get("use", "sig") != "sig" or entry.get("alg", algorithm) != algorithm:
        return False
    operations = entry.get("key_ops", ["verify"])
    if not isinstance(operations, list) or "verify" not in operations or "d" in entry:
        return False  # a private key that was published is nobody's any more
    return kind == "RSA" or entry.get("crv") == {"EC": "P-256", "OKP": "Ed25519"}[kind]


def _key(entry: Mapping[str, Any]) -> Any:
    import jwt

    try:
        key = jwt.PyJWK.from_dict(dict(entry), algorithm=entry.get("alg") or None).key
    except (jwt.PyJWTError, ValueError, TypeError, KeyError):
        return None
    return None if getattr(key, "key_size", 2048) < 2048 and entry["kty"] == "RSA" else key
