"""How files of XGBoost, LightGBM and CatBoost are known. Light, for it is asked for every file of a scan."""

from assaymark.core.format import Head

_HEADER = 136
"""Bytes of XGBoost's LearnerModelParam in the legacy binary layout; the objective's name follows."""
_NAME = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:_-")


def is_xgboost_json(head: Head) -> bool:
    """A JSON document with the keys `learner` and `learner_model_param`, which XGBoost writes first and last."""
    ends = head.start + head.tail if head.size > len(head.start) else head.start
    return b'"learner"' in ends and b'"learner_model_param"' in ends


def is_ubjson(head: Head) -> bool:
    """An object of Universal Binary JSON: `{`, a length with its type, a key that is text."""
    start = head.start
    kind = start[1:2]
    width = {b"i": 1, b"U": 1, b"I": 2, b"l": 4, b"L": 8}.get(kind, 0)
    if start[:1] != b"{" or not width:
        return False
    length = int.from_bytes(start[2 : 2 + width], "big")
    key = start[2 + width : 2 + width + length]
    return 0 < length <= 256 and len(key) == length and key.isascii() and key.decode("ascii").isprintable()


def is_xgboost_binary(head: Head) -> bool:
    """The magic `binf`, or the names of objective and booster where the old layout has them."""
    at = (4 if head.start.startswith(b"binf") else 0) + _HEADER
    named = _is_name(head.start, at)
    return named and _is_name(head.start, at + 8 + int.from_bytes(head.start[at : at + 8], "little"))


def _is_name(start: bytes, at: int) -> bool:
    length = int.from_bytes(start[at : at + 8], "little")
    return 2 <= length <= 64 and len(start) >= at + 8 + length and _NAME.issuperset(start[at + 8 : at + 8 + length])


def is_lightgbm(head: Head) -> bool:
    """The first two lines of a LightGBM model text."""
    return head.start.startswith((b"tree\nversion=", b"tree\r\nversion="))


def is_catboost(head: Head) -> bool:
    """The magic of CatBoost's binary model."""
    return head.start.startswith(b"CBM1")
