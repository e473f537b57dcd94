"""What holds for every check of the product, whoever wrote it."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from assaymark.app import all_rules
from assaymark.catalog import catalog
from assaymark.core.check import Rule
from assaymark.core.finding import Severity
from assaymark.core.subject import Layer

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "assaymark"
RULES = all_rules()
IDS = sorted(RULES)
OWN = [rule_id for rule_id in IDS if RULES[rule_id].view is not None]
PREFIXES = {
    "MDL": (Layer.MODEL, "model"),
    "DAT": (Layer.DATA, "data"),
    "LIB": (Layer.LIBRARY, "library"),
    "INF": (Layer.INFRA, "infra"),
    "TLG": (Layer.TOOLING, "tooling"),
    "CHK": (Layer.PLATFORM, "core"),
}
SCHEMES = {
    "ATLAS": r"AML\.(T\d{4}(\.\d{3})?|M\d{4}|CS\d{4})",
    "CIS-DOCKER": r"\d+(\.\d+)+",
    "CVE": r"CVE-\d{4}-\d{4,}",
    "CWE": r"\d+",
    "GHSA": r"([0-9a-z]{4}-){2}[0-9a-z]{4}",
    "NIST-SSDF": r"(PO|PS|PW|RV)\.\d(\.\d)?",
    "OWASP-CICD": r"CICD-SEC-\d{1,2}",
    "OWASP-LLM": r"LLM(0[1-9]|10)",
    "OWASP-ML": r"ML(0[1-9]|10)",
    "PEP": r"\d+",
    "SLSA": r".+",
}
"""Scheme of a reference -> how its ids look."""


@cache
def test_names() -> frozenset[str]:
    """Names of all test functions."""
    sources = (path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    return frozenset(name for source in sources for name in re.findall(r"def (test_\w+)\(", source))


test_names.__test__ = False  # type: ignore[attr-defined] # its name says what it gives


def rule(rule_id: str) -> Rule:
    return RULES[rule_id]


def test_there_are_checks_of_every_layer() -> None:
    assert {RULES[rule_id].layer for rule_id in IDS} == set(Layer)


@pytest.mark.parametrize("kind", ["bad", "good"])
@pytest.mark.parametrize("rule_id", OWN)
def test_every_check_has_a_bad_and_a_good_case(rule_id: str, kind: str) -> None:
    lead = f"test_{rule_id.lower()}_{kind}_"
    assert any(name.startswith(lead) for name in test_names()), (
        f"write a test {lead}… in tests/{PREFIXES[rule_id[:3]][1]}"
    )


def test_every_case_speaks_of_a_check() -> None:
    spoken = {
        match[1].upper() for name in test_names() if (match := re.match(r"test_([a-z]{3}\d{3})_(bad|good)_", name))
    }
    assert spoken <= RULES.keys()


@pytest.mark.parametrize("rule_id", IDS)
def test_id_layer_and_place_agree(rule_id: str) -> None:
    layer, room = PREFIXES[rule_id[:3]]
    assert rule(rule_id).layer is layer
    if rule(rule_id).view is not None:
        assert re.fullmatch(rf"assaymark\.{room}\.checks\.\w+\.\w+", rule(rule_id).source)


@pytest.mark.parametrize("rule_id", OWN)
def test_one_check_is_one_file(rule_id: str) -> None:
    same = [other.id for other in RULES.values() if other.view is not None and other.source == rule(rule_id).source]
    assert same == [rule_id]


@pytest.mark.parametrize("rule_id", OWN)
def test_the_file_says_its_id(rule_id: str) -> None:
    path = SOURCE.parent / (rule(rule_id).source.replace(".", "/") + ".py")
    assert rule_id in path.read_text(encoding="utf-8")


def packages() -> list[str]:
    """Every folder of checks, as a package."""
    found = {path.parent for path in SOURCE.glob("*/checks/*/*.py") if path.name != "__init__.py"}
    return sorted(".".join(folder.relative_to(SOURCE.parent).parts) for folder in found)


@pytest.mark.parametrize("package", packages())
def test_every_package_of_checks_is_in_a_catalog(package: str) -> None:
    made = catalog()
    named = {name for part in (*made.formats, *made.projects) for name in part.checks} | set(made.facts)
    assert package in named, "its checks would never run"


@pytest.mark.parametrize("package", packages())
def test_every_module_of_a_package_has_a_check(package: str) -> None:
    folder = SOURCE.parent / package.replace(".", "/")
    modules = {
        f"{package}.{path.stem}"
        for path in folder.glob("*.py")
        if path.stem != "__init__" and not path.stem.startswith("_")
    }
    assert modules == {rule.source for rule in RULES.values() if rule.source.startswith(f"{package}.")}


def test_what_a_catalog_names_is_there() -> None:
    made = catalog()
    modules = [part.module for part in (*made.formats, *made.projects) if part.module]
    for name in (*modules, *(name for part in (*made.formats, *made.projects) for name in part.checks), *made.facts):
        place = SOURCE.parent / name.replace(".", "/")
        assert place.with_suffix(".py").is_file() or (place / "__init__.py").is_file(), name


def test_formats_have_names_of_their_own() -> None:
    names = [part.name for part in catalog().formats]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("rule_id", IDS)
def test_references_are_of_known_schemes(rule_id: str) -> None:
    for ref in rule(rule_id).refs:
        scheme, _, value = ref.partition(":")
        assert scheme in SCHEMES, ref
        assert re.fullmatch(SCHEMES[scheme], value), ref
    assert len(set(rule(rule_id).refs)) == len(rule(rule_id).refs)


@pytest.mark.parametrize("rule_id", IDS)
def test_what_a_rule_says_can_be_read(rule_id: str) -> None:
    said = rule(rule_id)
    assert 10 <= len(said.title) <= 115, said.title
    assert said.title[0].isupper() or said.title.startswith("setup.py")
    assert not said.title.endswith(".")
    for text in (said.why, said.fix):
        assert 20 <= len(text) <= 700
        assert text.endswith((".", "`", ")"))
    assert said.since == "0.1"


@pytest.mark.parametrize("rule_id", IDS)
def test_what_denies_does_not_hold_as_well(rule_id: str) -> None:
    """A rule that could not vouch for something is no accusation."""
    assert not rule(rule_id).holds or rule(rule_id).severity < Severity.CRITICAL


def test_titles_are_of_one_rule_each() -> None:
    titles = [said.title.casefold() for said in RULES.values()]
    assert len(titles) == len(set(titles))


MODULES = {
    "pickle",
    "_pickle",
    "cPickle",
    "joblib",
    "marshal",
    "shelve",
    "subprocess",
    "socket",
    "torch",
    "numpy",
    "requests",
    "httpx",
}
EXEMPT = {
    "model/guard.py": {"pickle", "joblib", "torch"},  # docs/adr/0010-guard.md
    "model/convert/tensors.py": {"numpy"},  # views that are not contiguous
    **{f"model/weights/{name}.py": {"numpy"} for name in ("arrays", "base", "lowbits", "search", "uniform", "values")},
    "model/origin/values.py": {"numpy"},  # values of a model and its base
    "storage/adjacency.py": {"numpy"},  # docs/adr/0018-graph.md
    "storage/adjacency_tree.py": {"numpy"},
    "jobs/tools.py": {"subprocess"},  # docs/locks.md
    "sandbox/worker.py": {"_pickle"},  # docs/adr/0009-cross-check.md
    "feeds/wire.py": {"httpx"},  # docs/adr/0011-remote.md
    "feeds/pin.py": {"httpx"},
    "feeds/hub.py": {"httpx"},
    "feeds/oci.py": {"httpx"},
    "feeds/oidc.py": {"httpx"},
    "feeds/registry.py": {"httpx"},
    "feeds/webhook.py": {"httpx"},
    "feeds/witness.py": {"httpx"},
    "faces/http/server.py": {"socket"},  # a server's own listening socket
}
CALLS = {
    "eval",
    "exec",
    "compile",
    "__import__",
    "yaml.load",
    "yaml.unsafe_load",
    "yaml.full_load",
    "os.system",
    "os.popen",
}


@pytest.mark.parametrize("path", sorted(p.relative_to(SOURCE).as_posix() for p in SOURCE.rglob("*.py")))
def test_nothing_runs_what_it_looks_at(path: str) -> None:
    used = set()
    for node in ast.walk(ast.parse((SOURCE / path).read_text(encoding="utf-8"))):
        match node:
            case ast.Import(names=names):
                used |= {name.name.partition(".")[0] for name in names} & MODULES
            case ast.ImportFrom(module=str(module), level=0):
                used |= {module.partition(".")[0]} & MODULES
            case ast.Call(func=function):
                used |= {ast.unparse(function)} & CALLS
    assert used == EXEMPT.get(path, set())
