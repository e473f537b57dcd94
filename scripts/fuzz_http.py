"""Asks a real server's application whatever its contract allows, and what it does not, with the token of every role.

    python scripts/fuzz_http.py [--examples 200] [--role publisher]

No answer may be a bug of ours (500), and none may be another than docs/schemas/openapi.json says. The registry is a new one in
a temporary folder. A shorter run of the same is in tests/http/test_contract.py. Exits with 1 where something was found.
"""

import argparse
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from assaymark.faces.http.app import create_app
from assaymark.faces.http.authentication import Failures
from assaymark.faces.http.services import Services
from assaymark.registrar import Registrar
from assaymark.registry import models, people, tokens
from assaymark.registry.access import ROLES, VERBS, Binding, Limit, Scope
from assaymark.registry.names import ModelName

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
NAMES = {
    "project": ["vision", "speech"], "model": ["cat"], "version": ["1", "2"], "channel": ["staging", "production"],
    "name": ["root", "reader"],
}  # fmt: skip
"""What is there, so that not every path leads to 404."""


def accounts(registrar: Registrar) -> dict[str, str]:
    """A user for each role, and an admin; tokens by role."""
    made = {}
    with registrar.database.write() as connection:
        now = registrar.clock.now()
        for role in sorted(ROLES):
            people.add_user(connection, role, people.PERSON, now)
            people.grant(connection, role, Binding(role, Scope()), "host", now)
            order = tokens.Order(limit=Limit(frozenset(VERBS), None))
            made[role] = tokens.create_token(connection, role, order, now)[1]
    with registrar.work() as work:
        for project in NAMES["project"]:
            models.create_project(work, project)
        models.create_model(work, ModelName("vision", "cat"), "admin")
    return made


def fuzz(
    app: Any, token: str, examples: int, *, seeded: bool, chosen: Callable[[str, str], bool] = lambda _m, _p: True
) -> Iterator[str]:
    """What was found, operation by operation."""
    headers = {"Authorization": f"Bearer {token}", "Host": "localhost"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # schemathesis's own
        schema = schemathesis.openapi.from_asgi("/api/v1/openapi.json", app, headers=headers)
        for found in schema.get_all_operations():
            operation = found.ok()
            if chosen(operation.method, operation.path):
                yield from _one(operation, headers, examples, seeded=seeded)


def _one(operation: Any, headers: Mapping[str, str], examples: int, *, seeded: bool) -> Iterator[str]:
    for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):

        @settings(
            max_examples=examples, deadline=None, database=None, derandomize=seeded,
            phases=[Phase.explicit, Phase.generate], suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @given(case=operation.as_strategy(generation_mode=mode))
        def ask(case: Any) -> None:
            for number, (name, known) in enumerate(NAMES.items()):
                held = case.path_parameters
                if held and name in held and sum(map(ord, str(held[name]))) % 3 != number % 3:
                    held[name] = known[sum(map(ord, str(held[name]))) % len(known)]
            response = case.call(headers={**headers, "Host": "localhost"})
            case.validate_response(response, checks=CHECKS)

        try:
            ask()
        except (Exception, BaseExceptionGroup) as error:  # noqa: BLE001 - whatever was found is told
            if type(error).__name__ != "Unsatisfiable" and "Unsatisfiable" not in str(error):
                yield f"{operation.method.upper()} {operation.path} ({mode.value}): {error}"


def _bugs(record: Mapping[str, Any]) -> None:
    if "bug" in record:
        print(record)


def main() -> int:
    """Run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=200, help="for each operation, role and way")
    parser.add_argument("--role", action="append", choices=sorted(ROLES))
    given_ = parser.parse_args()
    bad = 0
    with tempfile.TemporaryDirectory() as home:
        Registrar.create(str(Path(home) / "home"))
        with Registrar.open(str(Path(home) / "home")) as registrar:
            services = Services(registrar.database, registrar.clock, registrar=registrar, log=_bugs)
            app = create_app(services, failures=Failures(most=1_000_000))
            for role, token in accounts(registrar).items():
                if not given_.role or role in given_.role:
                    for found in fuzz(app, token, given_.examples, seeded=False):
                        bad += 1
                        print(f"--- as {role}: {found}\n")
                    print(f"{role}: done", flush=True)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
