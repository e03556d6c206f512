"""Hand calls to the door as Calc does, in the Python that runs this: folder of the Python inside the extension, folder
of a profile, a file with the calls as JSON, a file for the answers."""

import json
import struct
import sys
from pathlib import Path

folder, profile, calls, answers = sys.argv[1:]
sys.path.insert(0, folder)

from kpi_udfs.hosts.libreoffice import Door  # noqa: E402  # from that folder


class Document:
    """One that was never saved and counts days as usual."""

    Year, Month, Day = 1899, 12, 30

    def getPropertyValue(self, name):
        return self

    def getURL(self):
        return ""

    getLocation = getURL


def sent(cell):
    return tuple(map(sent, cell)) if isinstance(cell, list) else cell


def shown(cell):
    """An error as its number in Calc."""
    if isinstance(cell, tuple):
        return [shown(part) for part in cell]
    if cell != cell:
        return {"error": struct.unpack("<Q", struct.pack("<d", cell))[0] & 0xFFFFFFFF}
    return cell


door = Door(profile)
with Path(calls).open(encoding="utf-8") as file:
    asked = json.load(file)
found = [shown(door.answer(name, sent(arguments), Document())) for name, arguments in asked]
with Path(answers).open("w", encoding="utf-8") as file:
    json.dump({"python": sys.version, "answers": found}, file)
