"""Which issuers of OIDC tokens are taken, and whom their tokens stand for: a TOML document of the operator.

    [[issuer]]
    url = "https://token.actions.githubusercontent.com"
    audience = "assaymark"

    [[issuer.rule]]
    principal = "ci-vision"
    claims = { repository = "acme/vision", ref = "refs/heads/main" }
    prefixes = { sub = "repo:acme/vision:" }
    roles = ["publisher on vision"]

`keys` of an issuer is a file with its key set, for a net without a way out, or a URL; without it the issuer is asked.
"""

from collections.abc import Callable, Mapping
from typing import Any

from assaymark.core.errors import UsageError
from assaymark.registry.access import Binding, Scope
from assaymark.registry.jwks import KeySet
from assaymark.registry.oidc import ALGORITHMS, Issuer, Pattern, Rule, Verifier

_ISSUER = frozenset({"url", "audience", "keys", "algorithms", "rule"})
_RULE = frozenset({"principal", "claims", "prefixes", "roles"})


def read_config(document: Mapping[str, Any], keys: Callable[[str, str], KeySet]) -> Verifier:
    """The verifier that a document describes; raises UsageError. `keys(issuer, where)` gives an issuer's keys."""
    _known(document, frozenset({"issuer"}), "the document")
    issuers: list[Issuer] = []
    rules: list[Rule] = []
    for entry in _tables(document, "issuer"):
        _known(entry, _ISSUER, "an issuer")
        url = _text(entry, "url")
        algorithms = tuple(_texts(entry.get("algorithms", list(ALGORITHMS)), "algorithms"))
        keyset = keys(url, _text(entry, "keys", ""))
        issuers.append(Issuer(url, _text(entry, "audience"), keyset, algorithms))
        rules.extend(_rule(url, rule) for rule in _tables(entry, "rule"))
    if len({issuer.url for issuer in issuers}) != len(issuers):
        raise UsageError("an issuer stands there twice", step="put its rules together")
    return Verifier(issuers, rules)


def binding_of(text: str) -> Binding:
    """Read `publisher on vision`; raises UsageError."""
    role, on, scope = text.partition(" on ")
    if not on:
        raise UsageError(f"{text[:100]!r} is no role on a scope", step="write ROLE on SCOPE, as in 'reader on *'")
    return Binding(role, Scope.parse(scope))


def _rule(issuer: str, entry: Mapping[str, Any]) -> Rule:
    _known(entry, _RULE, "a rule")
    patterns = [Pattern(claim, text) for claim, text in _claims(entry, "claims")]
    patterns += [Pattern(claim, text, prefix=True) for claim, text in _claims(entry, "prefixes")]
    roles = tuple(binding_of(text) for text in _texts(entry.get("roles", []), "roles"))
    return Rule(issuer, tuple(patterns), _text(entry, "principal"), roles)


def _claims(entry: Mapping[str, Any], name: str) -> list[tuple[str, str]]:
    found = entry.get(name, {})
    if not isinstance(found, dict) or not all(isinstance(text, str) and text for text in found.values()):
        raise UsageError(f"{name} of a rule are texts by the name of a claim")
    return list(found.items())


def _tables(entry: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    found = entry.get(name, [])
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise UsageError(f"{name} is no list of tables", step=f"write [[{name}]]")
    return found


def _texts(value: Any, name: str) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise UsageError(f"{name} is no list of texts")
    return value


def _text(entry: Mapping[str, Any], name: str, default: str | None = None) -> str:
    value = entry.get(name, default)
    if not isinstance(value, str):
        raise UsageError(f"{name} is missing or no text")
    return value


def _known(entry: Mapping[str, Any], names: frozenset[str], what: str) -> None:
    if unknown := entry.keys() - names:
        raise UsageError(f"{what} has {min(unknown)[:64]!r}, which means nothing here", step=", ".join(sorted(names)))
