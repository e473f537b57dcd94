"""API tokens as text: `assay_<kind>_<256 random bits>_<checksum>`, in base62.

The lead lets secret scanners find a leaked one by a pattern, the checksum (crc32 of all that stands before it) lets them
and us tell a token from a look-alike without asking a database. Only sha256 is stored: a stolen table opens nothing, and
with 256 random bits there is nothing to guess that a slow hash would protect.
"""

import hashlib
import re
import zlib
from collections.abc import Callable

LEADS = {"person": "assay_pat", "service": "assay_svc", "hub": "hf_assay"}
"""Kind -> lead. Clients of the Hugging Face hub refuse tokens that do not begin with `hf_`."""
PATTERN = r"(?:assay_pat|assay_svc|hf_assay)_[0-9A-Za-z]{43}_[0-9A-Za-z]{6}"
"""For secret scanners, and for what is struck out of our own logs."""

_TOKEN = re.compile(PATTERN)
_LOOKALIKE = re.compile(r"(?:assay_(?:pat|svc)|hf_assay)_[0-9A-Za-z_]{8,}")
_BEARER = re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}")
_JWT = re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*")
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def new_token(kind: str, random: Callable[[int], bytes]) -> str:
    """A fresh token of one of LEADS; `random(n)` gives n unguessable bytes."""
    body = f"{LEADS[kind]}_{_base62(int.from_bytes(random(32), 'big'), 43)}"
    return f"{body}_{_checksum(body)}"


def is_token(text: str) -> bool:
    """Whether this was made here, as far as its form and checksum tell."""
    if len(text) > 64 or _TOKEN.fullmatch(text) is None:
        return False
    body, _, check = text.rpartition("_")
    return check == _checksum(body)


def fingerprint(token: str) -> str:
    """What is stored of a token: its sha256 in hexadecimal."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def struck(text: str) -> str:
    """A text for a log, with whatever looks like a credential struck out."""
    text = _LOOKALIKE.sub(lambda found: f"{found[0][:10]}…", text)
    return _JWT.sub("eyJ…", _BEARER.sub(r"\1 …", text))


def _checksum(body: str) -> str:
    return _base62(zlib.crc32(body.encode("ascii")), 6)


def _base62(number: int, width: int) -> str:
    digits = []
    for _ in range(width):
        number, rest = divmod(number, 62)
        digits.append(_DIGITS[rest])
    return "".join(reversed(digits))
