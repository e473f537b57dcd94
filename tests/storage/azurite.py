"""Azurite, Microsoft's own emulator of Azure's blob service, where it is installed: `npm install --prefix build/azurite azurite`.

Run as a program it starts one, makes a container `blobs`, prints the endpoint and goes on until its input ends.
"""

import base64
import hashlib
import hmac
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formatdate
from pathlib import Path

import httpx

ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""Documented, the same in every copy of the emulator."""


def program() -> str | None:
    here = Path(__file__).resolve().parents[2] / "build" / "azurite" / "node_modules" / ".bin" / "azurite-blob"
    return os.fspath(here) if here.exists() else shutil.which("azurite-blob")


@contextmanager
def running(command: str) -> Iterator[str]:
    """The endpoint of one, which another process looks after: here no socket may be opened for a whole session."""
    child = [sys.executable, __file__, command]
    with subprocess.Popen(child, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        endpoint = process.stdout.readline().strip()
        assert endpoint, "azurite did not start"
        yield endpoint


def main(command: str) -> None:
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        port = made.getsockname()[1]
    options = ["--silent", "--skipApiVersionCheck", "--inMemoryPersistence", "--disableTelemetry"]
    with subprocess.Popen([command, "--blobPort", str(port), *options], stdout=subprocess.DEVNULL) as process:
        try:
            endpoint = f"http://127.0.0.1:{port}/{ACCOUNT}"
            _container(endpoint, "blobs", process)
            print(endpoint, flush=True)
            sys.stdin.read()
        finally:
            process.terminate()


def _container(endpoint: str, name: str, process: "subprocess.Popen[bytes]") -> None:
    """Make it, signed with the account's key, as soon as somebody answers."""
    headers = {"x-ms-date": formatdate(usegmt=True), "x-ms-version": "2021-08-06"}
    listed = "".join(f"{header}:{value}\n" for header, value in sorted(headers.items()))
    signed = f"PUT{12 * chr(10)}{listed}/{ACCOUNT}/{ACCOUNT}/{name}\nrestype:container"
    digest = hmac.new(base64.b64decode(KEY), signed.encode(), hashlib.sha256).digest()
    headers |= {"Authorization": f"SharedKey {ACCOUNT}:{base64.b64encode(digest).decode()}", "Content-Length": "0"}
    while process.poll() is None:
        try:
            answer = httpx.put(f"{endpoint}/{name}?restype=container", headers=headers)
        except httpx.TransportError:
            time.sleep(0.05)
            continue
        assert answer.status_code == 201, answer.text
        return
    raise AssertionError("azurite did not start")


if __name__ == "__main__":
    main(sys.argv[1])
