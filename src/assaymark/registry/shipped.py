"""Policies that come with the product, by their digest: they are known everywhere, and in force where a trust root says so."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from assaymark.core.policy import Policy
from assaymark.core.strictjson import loads


@cache
def shipped() -> Mapping[str, Policy]:
    """All of them."""
    folder = files("assaymark.registry") / "policies"
    found = [
        Policy.from_json(loads(file.read_bytes(), file.name))
        for file in folder.iterdir()
        if file.name.endswith(".json")
    ]
    return {policy.digest: policy for policy in found}
