"""``msvitreid ARGUMENTS`` in this process, with the errors that a user sees."""

from __future__ import annotations

import contextlib
import io
import sys
from unittest import mock

from msvitreid.cli.main import main
from msvitreid.cli.running import run_tool
from tests.tools.user import Outcome


def command(*arguments: object) -> Outcome:
    """Run a command; uncaught errors rise."""
    out, err, code = io.StringIO(), io.StringIO(), 0
    with (
        mock.patch.object(sys, 'argv', ['msvitreid', *map(str, arguments)]),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            run_tool(main)
        except SystemExit as end:
            code = int(end.code or 0)
    return Outcome(code, out.getvalue(), err.getvalue())
