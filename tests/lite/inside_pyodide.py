"""What runs inside Pyodide: the workbook's ``main.py`` and the calls that Excel makes. Not imported by tests."""

import json
import sys
import types
from importlib.metadata import PackageNotFoundError, version
from typing import Any


class Host:
    """Stands where xlwings Lite does: between Excel's requests and the functions of ``main.py``."""

    def load(self, main: str, bare: str) -> None:
        """Run ``main.py``, and functions to compare with as if they stood in it."""
        self.module = types.ModuleType("main")
        exec(compile(main, "main.py", "exec"), self.module.__dict__)
        self.imported = sorted({name.partition(".")[0] for name in sys.modules})
        self.bare = types.ModuleType("bare")
        exec(compile(bare, "bare.py", "exec"), self.bare.__dict__)

    async def value(self, request: dict[str, Any]) -> Any:
        from xlwings.server import custom_functions_call

        module = self.module if hasattr(self.module, request["func_name"]) else self.bare
        return await custom_functions_call(request, module)

    async def call(self, request: dict[str, Any]) -> str:
        try:
            return json.dumps({"value": await self.value(request)}, allow_nan=False)
        except Exception as error:  # a function that raises is a finding of the test, whatever it raises
            return json.dumps({"raised": repr(error)})

    def facts(self) -> str:
        from xlwings.server import custom_functions_meta

        return json.dumps(
            {
                "python": sys.version.split()[0],
                "versions": {name: _version(name) for name in ("kpi_udfs", "xlwings", "numpy", "pandas", "narwhals")},
                "imported": self.imported,
                "meta": custom_functions_meta(self.module),
            }
        )


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
