"""`https://`: one file of a server that may be slow, broken, lying or led astray."""

import pickle
import socket
import struct
from pathlib import Path

import pytest

from assaymark.core.errors import Unauthorized, Unreadable, UsageError
from assaymark.core.scan import ScanReport
from assaymark.core.verdict import Outcome
from assaymark.feeds import wire
from assaymark.feeds.access import authorization
from assaymark.feeds.fence import Fence
from tests.feeds.conftest import Look
from tests.feeds.servers import (
    Content,
    Data,
    Reply,
    Request,
    authority,
    gguf_of,
    ranged,
    safetensors_of,
    serving,
    torch_zip_of,
)  # fmt: skip

BAD = b"cposix\nsystem\n(S'id'\ntR."
HUNDRED_GB = 100_000_000_000
BIG = Data(pickle.dumps(list(range(100_000))))


def why(report: ScanReport) -> str:
    return " ".join(finding.message for finding in report.findings)


def test_one_file_over_tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, look: Look) -> None:
    context, ca = authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(ca))
    with serving(lambda r: ranged(r, Data(BAD)), context) as server:
        report = look(f"{server.url}/models/bad.pkl")
    assert report.verdict.outcome is Outcome.DENY
    source = report.roots[0].source
    assert source is not None
    assert (source.kind, source.value) == ("etag", '"v1"')
    assert report.locate(report.findings[0].where).startswith(f"{server.url}/models/bad.pkl")


def test_a_certificate_of_nobody_is_refused(tmp_path: Path, look: Look) -> None:
    context, _ = authority(tmp_path)
    with serving(lambda r: ranged(r, Data(BAD)), context) as server:
        with pytest.raises(Unreadable, match="TLS failed") as caught:
            look(f"{server.url}/bad.pkl")
        assert "SSL_CERT_FILE" in caught.value.step
        assert not server.seen


def test_a_certificate_for_another_name_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, look: Look) -> None:
    context, ca = authority(tmp_path, "127.0.0.9")
    monkeypatch.setenv("SSL_CERT_FILE", str(ca))
    with serving(lambda r: ranged(r, Data(BAD)), context) as server, pytest.raises(Unreadable, match="TLS failed"):
        look(f"{server.url}/bad.pkl")


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (safetensors_of(HUNDRED_GB), "model.safetensors"),
        (gguf_of(HUNDRED_GB), "model.gguf"),
        (torch_zip_of(HUNDRED_GB, pickle.dumps({"step": 7}, 2)), "model.pt"),
    ],
    ids=["safetensors", "gguf", "torch zip"],
)
def test_a_hundred_gigabytes_cost_less_than_four_megabytes(look: Look, content: Content, name: str) -> None:
    with serving(lambda r: ranged(r, content)) as server:
        report = look(f"{server.url}/{name}")
        assert report.bytes > 99 * HUNDRED_GB // 100
        assert report.verdict.outcome is Outcome.ALLOW, why(report)
        assert server.sent < 4_000_000
        got = report.files[0].fetched
        assert got is not None
        assert got.bytes == server.sent - 1  # the first byte was asked for its size
        assert got.requests == len(server.seen) - 1


def test_what_is_bad_in_a_hundred_gigabytes_is_found(look: Look) -> None:
    with serving(lambda r: ranged(r, torch_zip_of(HUNDRED_GB, b"\x80\x02" + BAD))) as server:
        report = look(f"{server.url}/model.pt")
        assert server.sent < 4_000_000
    assert report.verdict.outcome is Outcome.DENY


# servers that send what was not asked for


def test_a_host_that_sends_only_the_whole_is_read_whole_where_that_is_little(look: Look) -> None:
    with serving(lambda _: Reply(200, {}, BIG.data)) as server:
        report = look(f"{server.url}/a.pkl")
    assert report.verdict.outcome is Outcome.ALLOW
    assert report.files[0].fetched is not None
    assert report.files[0].fetched.bytes == BIG.size


def test_a_host_that_sends_only_the_whole_holds_where_that_is_much(look: Look) -> None:
    content = safetensors_of(1 << 30)
    with serving(lambda _: Reply(stream=content)) as server:
        report = look(f"{server.url}/a.safetensors")
        assert server.sent < 40_000_000  # what is under way when one hangs up
    assert report.verdict.outcome is Outcome.HOLD
    assert "sends no parts of files" in why(report)


LIES: dict[str, tuple[dict[str, str], str]] = {
    "other bytes": ({"Content-Range": "bytes 8-23/24"}, "was asked for bytes"),
    "no range": ({"Content-Range": "lines 1-2/3"}, "without saying which"),
    "other size": ({"Content-Range": "bytes 0-23/99"}, "has 99 bytes where 24 were declared"),
    "coded": ({"Content-Encoding": "gzip"}, "came compressed"),
    "other version": ({"ETag": '"v2"'}, "changed while it was read"),
    "no version": ({"ETag": ""}, "changed while it was read"),
}


@pytest.mark.parametrize("lie", LIES)
def test_answers_are_held_against_what_was_asked_for(look: Look, lie: str) -> None:
    content = Data(bytes(24))
    headers, says = LIES[lie]

    def answer(request: Request) -> Reply:
        reply = ranged(request, content)
        if len(reply.body) > 1:
            reply.headers |= headers
        return reply

    with serving(answer) as server:
        report = look(f"{server.url}/a.bin")
    assert report.verdict.outcome is Outcome.HOLD
    assert says in why(report)
    assert {finding.id for finding in report.findings} == {"CHK004"}


def test_too_much_is_not_read(look: Look) -> None:
    def answer(request: Request) -> Reply:
        reply = ranged(request, Data(bytes(24)))
        if len(reply.body) > 1:
            reply.headers["Transfer-Encoding"] = "chunked"
            reply.headers["Content-Length"] = ""
            reply.body = b"40\r\n" + bytes(64) + b"\r\n0\r\n\r\n"
        return reply

    with serving(answer) as server:
        report = look(f"{server.url}/a.bin")
    assert report.verdict.outcome is Outcome.HOLD


def test_a_file_that_changes_meanwhile_is_noticed(look: Look) -> None:
    content = safetensors_of(50_000_000, 5_000)
    versions = iter(['"v1"', '"v1"', '"v2"', '"v2"', '"v2"', '"v2"', '"v2"'])
    with serving(lambda r: ranged(r, content, next(versions))) as server:
        report = look(f"{server.url}/a.safetensors")
        assert server.seen[-1].headers["if-range"] == '"v1"'
    assert report.verdict.outcome is Outcome.HOLD
    assert "changed while it was read" in why(report)


def test_a_host_that_names_no_version_is_said_to(look: Look) -> None:
    with serving(lambda r: ranged(r, BIG, "")) as server:
        report = look(f"{server.url}/a.pkl")
    assert report.roots[0].source is not None
    assert report.roots[0].source.kind == "none"
    from assaymark.app import render

    assert "may change unseen" in render(report, "text")


def test_an_empty_file(look: Look) -> None:
    with serving(lambda r: ranged(r, Data(b""))) as server:
        report = look(f"{server.url}/empty.pkl")
    assert report.files[0].size == 0
    assert report.verdict.outcome is not Outcome.ALLOW


# what passes, and what does not


class Flaky:
    """Fails the first `times` requests."""

    def __init__(self, reply: Reply, times: int) -> None:
        self.reply = reply
        self.times = times

    def __call__(self, request: Request) -> Reply:
        self.times -= 1
        return self.reply if self.times >= 0 else ranged(request, BIG)


@pytest.mark.parametrize("status", [429, 500, 503])
def test_what_may_pass_is_tried_again(look: Look, waits: list[float], status: int) -> None:
    with serving(Flaky(Reply(status), 3)) as server:
        assert look(f"{server.url}/a.pkl").verdict.outcome is Outcome.ALLOW
    assert waits == [0.5, 1.0, 2.0]


def test_the_host_says_how_long_to_wait(look: Look, waits: list[float]) -> None:
    with serving(Flaky(Reply(429, {"Retry-After": "7"}), 2)) as server:
        assert look(f"{server.url}/a.pkl").verdict.outcome is Outcome.ALLOW
    assert waits == [7.0, 7.0]


def test_nobody_waits_for_ever(look: Look, waits: list[float]) -> None:
    with (
        serving(Flaky(Reply(503, {"Retry-After": "86400"}), 9)) as server,
        pytest.raises(Unreadable, match="asks to wait 86400 s"),
    ):
        look(f"{server.url}/a.pkl")
    assert waits == []


def test_attempts_have_an_end(look: Look, waits: list[float]) -> None:
    with serving(Flaky(Reply(500), 1_000)) as server:
        with pytest.raises(Unreadable, match="answered 500, 5 times"):
            look(f"{server.url}/a.pkl")
        assert len(server.seen) == wire.ATTEMPTS
    assert len(waits) == wire.ATTEMPTS - 1


def test_a_connection_that_breaks_is_made_again(look: Look, waits: list[float]) -> None:
    broken = {2, 3}

    def answer(request: Request) -> Reply:
        reply = ranged(request, BIG)
        if len(server.seen) in broken:
            reply.cut = len(reply.body) // 2
        return reply

    with serving(answer) as server:
        assert look(f"{server.url}/a.pkl").verdict.outcome is Outcome.ALLOW
    assert len(waits) == 2


def test_nobody_listens(look: Look) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with pytest.raises(Unreadable, match="cannot be reached"):
            look(f"http://127.0.0.1:{port}/a.pkl")


def test_a_name_without_address(monkeypatch: pytest.MonkeyPatch, look: Look) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(Unreadable, match="no address for that name"):
        look("https://models.invalid/a.pkl")


def test_what_is_not_there(look: Look) -> None:
    with serving(lambda _: Reply(404)) as server, pytest.raises(Unreadable, match=r"not found \(404\)"):
        look(f"{server.url}/a.pkl")


# credentials


def test_a_token_is_bound_to_its_host(monkeypatch: pytest.MonkeyPatch, look: Look) -> None:
    monkeypatch.setenv("ASSAY_TOKEN_127_0_0_1", "tok3n")
    monkeypatch.setenv("ASSAY_TOKEN_localhost", "never")
    with serving(lambda r: ranged(r, BIG)) as elsewhere:
        back = f"http://localhost:{elsewhere.port}/x"
        with serving(lambda _: Reply(302, {"Location": back})) as server:
            assert look(f"{server.url}/a.pkl").verdict.outcome is Outcome.ALLOW
            assert {r.headers["authorization"] for r in server.seen} == {"Bearer tok3n"}
        assert not any("authorization" in r.headers for r in elsewhere.seen)


def test_a_token_does_not_come_back_after_a_detour(monkeypatch: pytest.MonkeyPatch, look: Look) -> None:
    monkeypatch.setenv("ASSAY_TOKEN_127_0_0_1", "tok3n")
    with serving(lambda _: Reply(302, {"Location": f"{server.url}/private.pkl"})) as elsewhere:

        def answer(request: Request) -> Reply:
            if request.path == "/a.pkl":
                return Reply(302, {"Location": f"http://localhost:{elsewhere.port}/x"})
            return ranged(request, BIG)

        with serving(answer) as server:
            look(f"{server.url}/a.pkl")
            assert not any("authorization" in r.headers for r in server.seen if r.path == "/private.pkl")


def test_a_user_and_password(monkeypatch: pytest.MonkeyPatch, look: Look) -> None:
    monkeypatch.setenv("ASSAY_TOKEN_127_0_0_1", "me:pw")
    with serving(lambda r: ranged(r, BIG)) as server:
        look(f"{server.url}/a.pkl")
        assert server.seen[0].headers["authorization"] == "Basic bWU6cHc="


@pytest.mark.parametrize("status", [401, 403])
def test_refused_access_names_the_variable(look: Look, status: int) -> None:
    with serving(lambda _: Reply(status)) as server, pytest.raises(Unauthorized) as caught:
        look(f"{server.url}/a.pkl?key=secret")
    assert "ASSAY_TOKEN_127_0_0_1" in caught.value.step
    assert "secret" not in caught.value.message


def test_a_signed_url_is_used_and_not_shown(look: Look) -> None:
    with serving(lambda r: ranged(r, Data(BAD)) if r.query == {"sig": "secret"} else Reply(403)) as server:
        report = look(f"{server.url}/bad.pkl?sig=secret")
    assert report.verdict.outcome is Outcome.DENY
    from assaymark.app import render

    for form in ("text", "json", "sarif", "junit", "markdown", "html"):
        assert "secret" not in render(report, form)


def test_a_password_in_a_url_is_refused(look: Look) -> None:
    with pytest.raises(UsageError, match="ends up in logs") as caught:
        look("https://me:pw@models.example/a.pkl")
    assert "pw" not in caught.value.message + caught.value.step.replace("password", "")


def test_plain_http_is_refused_beyond_this_machine(look: Look) -> None:
    with pytest.raises(UsageError, match="plain http") as caught:
        look("http://models.example/a.pkl")
    assert "ASSAY_PLAIN_HTTP=models.example" in caught.value.step


# redirects


@pytest.mark.parametrize(
    ("location", "says"),
    [
        ("http://169.254.169.254/latest/meta-data/", "a link-local address"),
        ("http://[::ffff:169.254.169.254]/", "a link-local address"),
        ("https://169.254.169.254/", "a link-local address"),
        ("http://models.example/a", "plain http"),
        ("file:///etc/passwd", "cannot be followed"),
        ("http://u:p@127.0.0.1/", "cannot be followed"),
        ("", "cannot be followed"),
        ("http://[x/", "plain http"),
    ],
)
def test_redirects_that_are_not_followed(look: Look, location: str, says: str) -> None:
    with serving(lambda _: Reply(302, {"Location": location})) as server:
        with pytest.raises(Unreadable, match=r"not followed|cannot be followed|no URL") as caught:
            look(f"{server.url}/a.pkl")
        assert len(server.seen) == 1
    assert says in caught.value.message


def test_redirects_have_an_end(look: Look) -> None:
    with serving(lambda _: Reply(302, {"Location": "/again"})) as server:
        with pytest.raises(Unreadable, match="more than 5 redirects"):
            look(f"{server.url}/a.pkl")
        assert len(server.seen) < 10


def test_tls_is_not_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, look: Look) -> None:
    context, ca = authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(ca))
    with (
        serving(lambda r: ranged(r, BIG)) as plain,
        serving(lambda _: Reply(302, {"Location": plain.url}), context) as server,
    ):
        with pytest.raises(Unreadable, match="redirects to plain http"):
            look(f"{server.url}/a.pkl")
        assert not plain.seen


def test_a_public_host_leads_to_no_address_inside(monkeypatch: pytest.MonkeyPatch, look: Look) -> None:
    """Through a proxy, as the only way to a public name from here."""
    with serving(lambda r: ranged(r, BIG)) as inside:
        locations = {"/a": inside.url, "/b": "https://10.0.0.1/", "/c": f"http://localhost:{inside.port}/"}

        def answer(request: Request) -> Reply:
            return Reply(302, {"Location": locations[request.target.removeprefix("http://models.example")]})

        with serving(answer) as proxy:
            monkeypatch.setenv("HTTP_PROXY", proxy.url)
            monkeypatch.setenv("ASSAY_PLAIN_HTTP", "models.example")
            for path in locations:
                with pytest.raises(Unreadable, match="not followed"):
                    look(f"http://models.example{path}")
            assert len(proxy.seen) == 3
        assert not inside.seen


@pytest.mark.parametrize(
    ("home", "target", "allowed"),
    [
        ("93.184.216.34", "1.1.1.1", True),
        ("93.184.216.34", "127.0.0.1", False),
        ("93.184.216.34", "10.1.2.3", False),
        ("93.184.216.34", "192.168.1.1", False),
        ("93.184.216.34", "100.64.0.1", False),
        ("93.184.216.34", "0.0.0.0", False),
        ("93.184.216.34", "::1", False),
        ("93.184.216.34", "fd00::1", False),
        ("93.184.216.34", "fe80::1%eth0", False),
        ("93.184.216.34", "::ffff:10.0.0.1", False),
        ("93.184.216.34", "64:ff9b::a00:1", False),
        ("93.184.216.34", "2002:a00:1::1", False),
        ("93.184.216.34", "::10.0.0.1", False),
        ("93.184.216.34", "::ffff:0:10.0.0.1", False),
        ("93.184.216.34", "64:ff9b:1::a00:1", False),
        ("93.184.216.34", "fec0::1", False),
        ("93.184.216.34", "2606:2800:220:1::1", True),
        ("2606:2800:220:1::1", "fec0::1", False),
        ("93.184.216.34", "localhost", False),
        ("93.184.216.34", "x.localhost.", False),
        ("10.0.0.1", "10.0.0.2", True),
        ("10.0.0.1", "169.254.169.254", False),
        ("10.0.0.1", "224.0.0.1", False),
        ("127.0.0.1", "10.0.0.2", True),
        ("169.254.1.1", "169.254.169.254", True),
    ],
)
def test_where_one_may_be_led(home: str, target: str, allowed: bool) -> None:
    fence = Fence(home)
    if allowed:
        fence.check(target)
    else:
        with pytest.raises(Unreadable, match="not followed"):
            fence.check(target)


class Connection:
    closed = False

    def __init__(self, address: str) -> None:
        self.address = address

    def get_extra_info(self, _: str) -> tuple[str, int]:
        return self.address, 443

    def close(self) -> None:
        self.closed = True


def test_a_name_is_judged_by_the_address_it_led_to() -> None:
    fence = Fence("models.example")

    def connect(host: str, address: str) -> Connection:
        trace, stream = fence.trace(host), Connection(address)
        trace("connection.connect_tcp.started", {"host": host})
        trace("connection.connect_tcp.complete", {"return_value": stream})
        return stream

    connect("models.example", "93.184.216.34")
    connect("cdn.example", "93.184.216.35")
    trace, stream = fence.trace("rebound.example"), Connection("127.0.0.1")
    trace("connection.connect_tcp.started", {"host": "rebound.example"})
    with pytest.raises(Unreadable, match="a loopback address"):
        trace("connection.connect_tcp.complete", {"return_value": stream})
    assert stream.closed


def test_slow_drips_are_given_up(monkeypatch: pytest.MonkeyPatch, look: Look) -> None:
    """The clock is turned forward between the pieces of an answer."""
    now = iter(range(0, 10**9, 100))
    monkeypatch.setattr(wire, "monotonic", lambda: next(now))
    with serving(lambda r: ranged(r, BIG)) as server, pytest.raises(Unreadable, match="too slowly"):
        look(f"{server.url}/a.pkl")


def test_header_bytes_that_declare_too_much_cost_nothing(look: Look) -> None:
    content = Data(struct.pack("<Q", 1 << 40) + b"{" + bytes(100))
    with serving(lambda r: ranged(r, content)) as server:
        report = look(f"{server.url}/a.safetensors")
        assert server.sent <= content.size + 1
    assert report.verdict.outcome is Outcome.HOLD


def test_a_host_that_was_public_once_is_no_door_to_the_inside() -> None:
    """Its name may be made to lead inside for one connection; what it says over another is still a stranger's word."""
    fence = Fence("models.example")
    for address in ("10.0.0.5", "93.184.216.34", "10.0.0.5"):
        trace = fence.trace("models.example")
        trace("connection.connect_tcp.started", {"host": "models.example"})
        trace("connection.connect_tcp.complete", {"return_value": Connection(address)})
    with pytest.raises(Unreadable, match="not followed"):
        fence.check("10.0.0.6")


def test_the_token_of_one_host_is_not_that_of_a_name_that_looks_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_TOKEN_registry_example_com", "tok3n")
    assert authorization("registry.example.com") == "Bearer tok3n"
    for host in ("registry-example.com", "registry_example.com", "registry.example-com", "registry\u00e9example.com"):
        assert authorization(host) == ""
    monkeypatch.setenv("ASSAY_TOKEN_registry__example_com", "other")
    assert authorization("registry-example.com") == "Bearer other"
