# SPDX-License-Identifier: MIT
"""The whole by its front door, again and again, while others test its parts elsewhere."""
import json
import os
import time
import urllib.error
import urllib.request

ROUNDS = int(os.environ.get("ROUNDS", "40"))
WEB = "http://127.0.0.1:8000"


def ask(method, path, data=None):
    request = urllib.request.Request(WEB + path, data=data, method=method)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def one_round(number):
    status, found = ask("POST", "/notes", f"note {number}".encode())
    assert status == 201, (status, found)
    assert ask("GET", f"/notes/{found}") == (200, f"note {number}")
    assert ask("GET", f"/notes/{found}") == (200, f"note {number}"), "from the cache"
    assert ask("DELETE", f"/notes/{found}")[0] == 204
    assert ask("GET", f"/notes/{found}")[0] == 404


def main():
    began = time.monotonic()
    for number in range(ROUNDS):
        one_round(number)
    took = time.monotonic() - began
    os.makedirs("report", exist_ok=True)
    with open("report/integration.json", "w", encoding="ascii") as file:
        json.dump({"cluster": os.environ.get("PROJECT_NAME"), "rounds": ROUNDS, "seconds": round(took, 2)}, file)
    print(f"{ROUNDS} rounds in {took:.1f} s")


main()
