"""Allow policies: what they may say, what the machine makes of them, and what is learned from files."""

import pickle
import tomllib
from datetime import date
from typing import Any

import joblib
import pytest

from assaymark.catalog import catalog
from assaymark.core.blob import Bytes
from assaymark.core.budget import Budget
from assaymark.core.errors import UsageError
from assaymark.model.allow import SCHEMA, Allowed, AllowPolicy, quote, read_policy, usual_line, write_policy
from assaymark.model.learn import Seen, learn, source_notes
from assaymark.model.machine.table import laid_over
from assaymark.storage.spool import FileSpool
from tests.conftest import ids, look_at
from tests.model.bypasses import PROTO4, call, g, p4, raw, sg, text

TODAY = date(2026, 11, 24)
NET = b"\x80\x04" + sg("acme.models", "Net") + b")\x81}" + text("w") + b"K\x01sb."
"""__new__ and BUILD of a class of one's own."""


def document(*entries: dict[str, Any], **changes: Any) -> dict[str, Any]:
    made = {
        "schema": SCHEMA, "reviewed_by": "ann", "reason": "ours", "expires": date(2027, 1, 1), "globals": list(entries),
    }  # fmt: skip
    return {**made, **changes}


def policy(*allowed: Allowed) -> AllowPolicy:
    return AllowPolicy(allowed, "ann", "ours", date(2027, 1, 1))


def found(data: bytes, *allowed: Allowed) -> set[str]:
    with laid_over(policy(*allowed).overlay()):
        return ids(look_at(data, "m.pkl"))


def learned(data: bytes) -> dict[tuple[str, str], Seen]:
    return learn(Bytes(data), "m.pkl", Budget(monotonic=lambda: 0.0, spool=FileSpool), catalog())


# What a policy does


def test_an_unknown_class_is_no_finding_with_the_uses_it_was_allowed() -> None:
    assert ids(look_at(NET, "m.pkl")) == {"MDL002"}
    assert found(NET, Allowed("acme.models", "Net", frozenset({"new", "build"}))) == set()
    assert ids(look_at(NET, "m.pkl")) == {"MDL002"}


@pytest.mark.parametrize("uses", [{"new"}, {"build"}, {"call"}, set()])
def test_another_use_is_a_misuse(uses: set[str]) -> None:
    assert found(NET, Allowed("acme.models", "Net", frozenset(uses))) == {"MDL004"}


def test_functions_among_the_arguments_need_a_rule() -> None:
    data = p4(call(sg("acme.models", "make"), sg("collections", "OrderedDict")))
    assert found(data, Allowed("acme.models", "make", frozenset({"call"}))) == {"MDL004"}
    assert found(data, Allowed("acme.models", "make", frozenset({"call"}), "any-vetted")) == set()


def test_another_name_stays_unknown() -> None:
    allowed = Allowed("acme.models", "Nets", frozenset({"new", "build"}))
    assert found(NET, allowed) == {"MDL002"}


@pytest.mark.parametrize(("module", "name"), [("os", "system"), ("builtins", "eval"), ("posix", "anything")])
def test_what_is_dangerous_cannot_be_allowed(module: str, name: str) -> None:
    with pytest.raises(UsageError, match="no policy can allow"):
        read_policy(document({"module": module, "name": name, "uses": ["call"]}), TODAY, "x")
    data = p4(call(sg(module, name)))
    assert "MDL001" in found(data, Allowed(module, name, frozenset({"call"}), "any-vetted"))


def test_a_vetted_name_keeps_its_own_rules() -> None:
    data = p4(call(g("_codecs", "encode"), text("x"), text("utf-8")))
    assert "MDL004" in found(data, Allowed("_codecs", "encode", frozenset({"call"})))


# Its form


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"schema": "other"}, "no allow policy"),
        ({"more": 1}, "no allow policy"),
        ({"reviewed_by": " "}, "'reviewed_by' is empty"),
        ({"reason": ""}, "'reason' is empty"),
        ({"expires": ""}, "'expires' is no date"),
        ({"expires": date(2027, 12, 1)}, "more than a year"),
        ({"expires": date(2026, 11, 23)}, "expired on 2026-11-23"),
        ({"globals": {}}, "is a list"),
        ({"globals": [{"module": "a"}]}, "needs a module and a name"),
        ({"globals": [{"module": "a", "name": "B", "uses": ["fly"]}]}, "uses are of"),
        ({"globals": [{"module": "a", "name": "B", "arguments": "nested-pickle"}]}, "arguments are one of"),
        ({"globals": [{"module": "a", "name": "B", "other": 1}]}, "known keys"),
        ({"globals": [{"module": "a", "name": "B"}] * 2}, "listed twice"),
    ],
)
def test_a_policy_that_is_not_filled_in_or_not_valid_is_refused(changes: dict[str, Any], why: str) -> None:
    with pytest.raises(UsageError, match=why):
        read_policy(document(**changes), TODAY, "allow.toml")


def test_what_is_written_reads_back() -> None:
    lines = [
        (Allowed('we"ird\\\n', "Ünï\x7f", frozenset({"call"}), "any-vetted", ("sha256:ab",)), ("seen in a\nb", "x")),
        (Allowed("acme", "B.C", frozenset({"new", "build"})), ()),
    ]
    read = tomllib.loads(write_policy(lines, TODAY))
    with pytest.raises(UsageError, match="reviewed_by"):
        read_policy(read, TODAY, "x")
    filled = read_policy({**read, "reviewed_by": "a", "reason": "b", "expires": "2027-01-01"}, TODAY, "x")
    assert filled.globals == tuple(item for item, _ in lines)
    assert read_policy(filled.to_json(), TODAY, "x").digest == filled.digest


@pytest.mark.parametrize("name", ["x", 'a"b', "a\\b", "\x00\x1f\x7f", "\U0001f600", "\u2028"])
def test_texts_are_quoted_for_toml(name: str) -> None:
    assert tomllib.loads(f"x = {quote(name)}")["x"] == name


def test_the_finding_shows_the_line_that_would_allow_it() -> None:
    (finding,) = look_at(NET, "m.pkl").findings
    line = finding.message.rpartition("would allow it: ")[2]
    assert line == usual_line("acme.models", "Net")
    (entry,) = tomllib.loads(f"globals = [{line}]")["globals"]
    assert found(NET, *read_policy(document(entry), TODAY, "x").globals) == set()


# Learning


def test_uses_are_learned_as_they_are_seen() -> None:
    seen = learned(NET)
    assert seen[("acme.models", "Net")].uses == {"new", "build"}
    assert not seen[("acme.models", "Net")].active
    data = p4(call(sg("acme", "make"), sg("acme", "Kind")), b"(K\x01e0", sg("acme", "Stored"))
    seen = learned(data)
    assert seen[("acme", "make")].uses == {"call", "items"}
    assert seen[("acme", "make")].active
    assert seen[("acme", "Stored")].uses == set()


def test_what_was_learned_lets_the_file_pass() -> None:
    data = p4(call(sg("acme", "make"), text("x")), sg("acme", "Bag"), b")\x81(K\x01K\x02e", b"\x86")
    allowed = [one.allowed(pair) for pair, one in learned(data).items()]
    assert ids(look_at(data, "m.pkl")) == {"MDL002"}
    assert found(data, *allowed) == set()


def test_pickles_within_files_are_learned(tmp_path: Any) -> None:
    import io
    import zipfile

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("m/data.pkl", NET)
    assert ("acme.models", "Net") in learned(buffer.getvalue())
    joblib.dump({"a": 1}, tmp_path / "x.joblib", compress=3)
    assert learned((tmp_path / "x.joblib").read_bytes()) == {}
    inner = p4(call(g("torch.storage", "_load_from_bytes"), raw(NET)))
    assert ("acme.models", "Net") in learned(inner)


def test_vetted_and_dangerous_names_are_not_learned() -> None:
    assert learned(pickle.dumps({"x": {1, 2}}) + PROTO4 + sg("os", "system") + b".") == {}


def test_several_streams_are_learned() -> None:
    assert set(learned(pickle.dumps(1) + NET)) == {("acme.models", "Net")}


SOURCE = b"""
import os
class Net:
    def __setstate__(self, state):
        os.system(state["cmd"])
    def fit(self):
        os.system("x")
class Fine:
    def __setstate__(self, state):
        self.__dict__.update(state)
"""


@pytest.mark.parametrize(("name", "danger"), [("Net", True), ("Fine", False)])
def test_the_source_of_a_class_is_looked_at(name: str, danger: bool) -> None:
    files = {"acme/models.py": SOURCE}
    (*notes,) = source_notes(("acme.models", name), {"new", "build"}, files.get)
    assert ("DANGER" in notes[0]) == danger
    assert notes[0].startswith("source acme/models.py, line ")
    assert len(notes) == 1


def test_source_that_cannot_be_had_is_said() -> None:
    assert "was not found" in source_notes(("acme.other", "Net"), {"new"}, {}.get)[0]
    assert "no name of a file" in source_notes(("../../etc/passwd", "x"), {"new"}, {}.get)[0]
    assert "not Python" in source_notes(("a", "x"), {"new"}, {"a.py": b"def ("}.get)[0]


@pytest.mark.parametrize(
    ("module", "name"), [("torch", "hub.load"), ("acme", "sub.torch.load"), ("acme", "__builtins__")]
)
def test_a_dangerous_name_is_known_however_it_is_split(module: str, name: str) -> None:
    with pytest.raises(UsageError, match="no policy can allow"):
        read_policy(document({"module": module, "name": name, "uses": ["call"]}), TODAY, "allow.toml")
