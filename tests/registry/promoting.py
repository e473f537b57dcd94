"""One of several processes that promote at once: `python -m tests.registry.promoting`, with its orders on standard input.

{"home", "database", "now", "activate": [nonces], "scans": …}: activates each of the requests, and prints what came of it.
"""

import json
import sys
from datetime import datetime

from assaymark.core.clock import FixedClock
from assaymark.core.errors import Conflict
from assaymark.registrar import Registrar


def main() -> None:
    order = json.loads(sys.stdin.readline())
    done = []
    clock = FixedClock(datetime.fromisoformat(order["now"]))
    with Registrar.open(order["home"], database=order["database"], clock=clock) as registrar:
        print("ready", flush=True)
        sys.stdin.readline()
        for nonce in order["activate"]:
            try:
                done.append([nonce, registrar.activate(nonce, "dan").index])
            except Conflict as error:
                done.append([nonce, error.message])
    print(json.dumps(done), flush=True)


if __name__ == "__main__":
    main()
