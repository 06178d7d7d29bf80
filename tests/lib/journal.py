# SPDX-License-Identifier: MIT
"""A run's folder, read back."""
import base64
import json
import pathlib

OUTCOMES = ("passed", "failed", "signaled", "timeout", "error", "cancelled", "skipped")


class Run:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)

    def records(self):
        """All records, also of a run that is still going on: an unfinished last line is left out."""
        try:
            data = (self.folder / "journal.jsonl").read_bytes().rstrip(b"\0")
        except FileNotFoundError:  # it has only just begun
            return []
        lines = data.split(b"\n")[:-1]
        return [json.loads(line) for line in lines]

    def of(self, event, step=None):
        return [record for record in self.records()
                if record["event"] == event and (step is None or record.get("step") == step)]

    def last(self, event):
        return self.of(event)[-1]

    def finished(self, step, number=None):
        """command_finished of the step, in order: one for each attempt."""
        return [record for record in self.of("command_finished", step)
                if number is None or record["number"] == number]

    def final(self, step):
        """The record that counts, by number."""
        return {record["number"]: record for record in self.finished(step) if record.get("final", True)}

    def one(self, step):
        """The only final record of a step."""
        final = self.final(step)
        assert len(final) == 1, final
        return next(iter(final.values()))

    def counted(self):
        """The ledger counted again from the records, cleanup steps left out."""
        counts = dict.fromkeys(OUTCOMES, 0)
        for record in self.of("command_finished"):
            if record.get("final", True) and not record.get("cleanup"):
                counts[record["outcome"]] += max(1, len(items(record)))
        return counts

    def log(self, step, number=1, stream="out", attempt=1):
        """Bytes of a log."""
        suffix = f"{number}.{stream}" if attempt == 1 else f"{number}.{attempt}.{stream}"
        return (self.folder / "logs" / step / suffix).read_bytes()

    def text(self, step, number=1, stream="out", attempt=1):
        return self.log(step, number, stream, attempt).decode("utf-8", "replace")


def items(record):
    """The items of a record as bytes."""
    if record.get("items"):
        return [item.encode() for item in record["items"]]
    if record.get("items_base64"):
        return [base64.b64decode(item) for item in record["items_base64"]]
    if record.get("item_base64"):
        return [base64.b64decode(record["item_base64"])]
    return [record["item"].encode()] if record.get("item") is not None else []
