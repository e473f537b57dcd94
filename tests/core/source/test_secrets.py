"""Secrets by structure and by name; what is shown of them."""

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assaymark.core.source.secrets import find_secrets, looks_secret, mask, redact, safe_excerpt, secret_name

BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
BODY = "x1Y2z3A4b5C6d7E8f9G0h1I2j3K4l5"
RANDOM = "9f8e7d6c5b4a39281706f5e4d3c2b1a0"


def with_checksum(prefix: str, body: str = BODY) -> str:
    number, digits = zlib.crc32(body.encode()), ""
    while number:
        number, digit = divmod(number, 62)
        digits = BASE62[digit] + digits
    return prefix + body + digits.rjust(6, "0")


KEY = "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA04up8hoqzS1+APIB0RhjXyObwHQnOzhAk5Bd7mhkSbPkyhP1\nabcd\n-----END RSA PRIVATE KEY-----\n"
TOKENS = {
    "AWS access key id": "AKIAQYLPMN5HHHFPZAM2",
    "GitHub token": with_checksum("ghp_"),
    "npm token": with_checksum("npm_"),
    "GitLab token": "glpat-x1Y2z3A4b5C6d7E8f9G0",
    "Hugging Face token": "hf_aBcDeFgHiJkLmNoPqRsTuVwXyZaBcDeFgH",
    "OpenAI API key": "sk-proj-" + BODY + "T3BlbkFJ" + BODY,
    "Anthropic API key": "sk-ant-api03-" + BODY * 3 + "AA",
    "API key": "sk-" + RANDOM,
    "Slack token": "xoxb-123456789012-1234567890123-" + BODY[:24],
    "Slack webhook": "https://hooks.slack.com/services/T12345678/B12345678/" + BODY[:24],
    "Google API key": "AIza" + BODY + "m7N8o",
    "Stripe key": "sk_live_" + BODY,
    "PyPI token": "pypi-AgEIcHlwaS5vcmc" + BODY * 2,
    "Databricks token": "dapi" + RANDOM,
    "Docker Hub token": "dckr_pat_" + BODY[:27],
    "Groq API key": "gsk_" + BODY + BODY[:22],
}


@pytest.mark.parametrize("kind", TOKENS)
def test_tokens_are_found_masked_and_placed(kind: str) -> None:
    token = TOKENS[kind]
    for text in (f"a\nb={token}\n", f"a\n'{token}',", f'a\n{{"k": "{token}"}}', f"a\nBearer {token}"):
        (secret,) = find_secrets(text)
        assert (secret.kind, secret.line) == (kind, 2)
        assert text[secret.start : secret.end] == token
        assert token not in redact(text)
        assert secret.masked == mask(token)
    assert not list(find_secrets(f"x{token}"))
    assert not list(find_secrets(token[:14]))


@pytest.mark.parametrize(
    "text",
    [
        "AKIAIOSFODNN7EXAMPLE", "ghp_" + BODY + "000000", "sk-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "hf_" + "x" * 34, "hf_hub_download",
        "-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----", "https://user:password@host", "https://${USER}:${TOKEN}@host", "git@github.com:x/y",
        "https://<token>@host", "postgres://postgres:postgres@db", "Authorization: Bearer $TOKEN", "mailto:bob@x.example", "Authorization: Bearer <token>",
        "sk-learn-something-very-long-and-readable-name",
    ],
)  # fmt: skip
def test_look_alikes_stay_quiet(text: str) -> None:
    assert not list(find_secrets(text))


def test_private_keys_are_masked_whole() -> None:
    (secret,) = find_secrets("x\n" + KEY)
    assert (secret.kind, secret.line) == ("private key", 2)
    line = '"key": "' + KEY.replace("\n", "\\n") + '"'
    assert "MIIE" not in redact(line)
    assert "abcd" not in redact(line)
    encrypted = KEY.replace("RSA", "ENCRYPTED")
    assert [s.kind for s in find_secrets(encrypted)] == ["encrypted private key"]


def test_urls_and_headers() -> None:
    assert [s.masked for s in find_secrets("postgres://u:pa55word9@h")] == ["pa5…"]
    assert [s.kind for s in find_secrets(f"git clone https://{BODY}@x.example/y")] == ["token in a URL"]
    assert [s.kind for s in find_secrets(f"Authorization: Bearer {RANDOM}")] == ["authorization header"]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("DB_PASSWORD", "password"), ("dbPassword", "password"), ("api-key", "API key"), ("OPENAI_API_KEY", "API key"), ("HF_TOKEN", "token"), ("client_secret", "secret"),
        ("AWS_SECRET_ACCESS_KEY", "secret"), ("DB_PASS", "password"), ("GITHUB_PAT", "token"), ("AIRFLOW__CORE__FERNET_KEY", "fernet key"), ("credentials", "credential"),
        ("MAX_TOKENS", None), ("TOKENIZERS_PARALLELISM", None), ("pad_token", None), ("eos_token_id", None), ("TOKEN_FILE", None), ("PUBLIC_KEY", None), ("secret_name", None),
        ("password_hash", None), ("primary_key", None), ("pass", None), ("compass", None), ("", None), ("key", None), ("new_token", None), ("author", None),
    ],
)  # fmt: skip
def test_names(name: str, kind: str | None) -> None:
    assert secret_name(name) == kind


@pytest.mark.parametrize("value", ["hunter2!", "s3cr3t-prod", "Tr0ub4dor&3", "correcthorsebattery"])
def test_passwords(value: str) -> None:
    assert looks_secret("DB_PASSWORD", value) == "password"


@pytest.mark.parametrize(
    "value", [RANDOM, BODY, "tok_9aK2lmQ8zP1xV5bN", "supersecret123", "Kd8~Qabc1234.XyZ_4nLpQrStUvWxYz"]
)
def test_random_values(value: str) -> None:
    assert looks_secret("API_TOKEN", f'"{value}"') == "token"
    assert looks_secret("COLOUR", value) is None


@pytest.mark.parametrize(
    "value",
    [
        "", "changeme", "change-me", "<token>", "${TOKEN}", "$TOKEN", "$(cat x)", "{{ token }}", "%TOKEN%", "your-token-here", "xxxxxxxx", "example", "None", "true", "EMPTY",
        "os.environ['TOKEN']", "process.env.TOKEN", "getenv('X')", "/run/secrets/token", "vault:secret/data/x", "arn:aws:secretsmanager:eu:1:secret:x", "****", "...",
        "projects/x/secrets/y/versions/1", "REDACTED", "password", "mysecretpassword", "secret-token", "test", "placeholder-value-1", "$2b$12$abcdefghijklmnopqrstuv", "ENC[AES256,x]",
        "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "!Ref Token", "@Microsoft.KeyVault(x)",
    ],
)  # fmt: skip
def test_placeholders_and_references(value: str) -> None:
    assert looks_secret("token", value) is None
    assert looks_secret("password", value) is None


@pytest.mark.parametrize(
    "value",
    [
        "my-production-token-name",
        "gpt-4o-mini",
        "v1.2.3",
        "12345678901234",
        "my.module.path.Class",
        "a sentence of words",
    ],
)
def test_words_and_numbers_are_not_random(value: str) -> None:
    assert looks_secret("token", value) is None


def test_redact_masks_named_values_too() -> None:
    for line in (
        f"API_KEY={RANDOM}",
        f'"api_key": "{RANDOM}"',
        f"ENV API_KEY {RANDOM}",
        f"run --api-key {RANDOM} x",
        f"run --api-key={RANDOM}",
        f"X-Api-Key: {RANDOM}",
    ):
        assert RANDOM not in redact(f"a b {line} c")
        assert "a b" in redact(f"a b {line} c")
    assert redact("nothing here, a=b") == "nothing here, a=b"
    assert redact("seen hunter2", "hunter2") == "seen hu…"


def test_excerpts_are_redacted_before_they_are_cut() -> None:
    line = "x" * 290 + " " + TOKENS["AWS access key id"]
    assert "AKIAQ" not in safe_excerpt(line)
    assert len(safe_excerpt("y " * 1_000)) <= 300


def test_masks_of_short_values_show_less() -> None:
    assert [mask(value) for value in ("", "ab", "abcdef", "abcdefghijkl")] == ["…", "…", "ab…", "abcd…"]


@given(st.text(max_size=300))
def test_any_text(text: str) -> None:
    for secret in find_secrets(text):
        assert 0 <= secret.start < secret.end <= len(text)
    redact(text)
    looks_secret("password", text)


@pytest.mark.parametrize(
    "piece", ["://a:", "-----BEGIN PRIVATE KEY-----", "AKIA", "sk-", "a=", "Authorization: ", "--password ", "gl", "password=", "://", "x@", "eyJ.", "-----BEGIN PRIVATE KEY-----" + "A1b2" * 20]
)  # fmt: skip
def test_time_is_linear(piece: str) -> None:
    """A quadratic pattern would take minutes here."""
    text = piece * (1_000_000 // len(piece))
    assert sum(1 for _ in find_secrets(text)) <= 1_000
    redact(text[:200_000])


def test_names_of_classes_are_no_secrets() -> None:
    assert looks_secret("Qwen2_5OmniToken2WavDiTModel", "Qwen2_5OmniToken2WavBigVGANModel") is None
    assert looks_secret("session_token", "Qwen2x5Omni7oken2WavBigVGANMode1") == "token"


def test_a_placeholder_that_never_closes_is_looked_for_once() -> None:
    assert looks_secret("password", "<" * 3_000_000) is None
    assert looks_secret("password", "x<your password>") is None
