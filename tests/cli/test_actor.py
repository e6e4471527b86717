"""Who is changing things: the system says it, so that nobody approves under another's name by setting a variable."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

SAY = "from modicum.cli.options import actor; print(actor())"


@pytest.mark.skipif(sys.platform == "win32", reason="who is who stands in no list of the system there")
def test_a_variable_makes_nobody_else_of_whoever_approves() -> None:
    import pwd

    named = dict.fromkeys(("LOGNAME", "USER", "LNAME", "USERNAME"), "somebody-else")
    said = subprocess.run([sys.executable, "-c", SAY], env={**os.environ, **named}, capture_output=True, text=True, check=True)
    assert said.stdout.strip() == pwd.getpwuid(os.getuid()).pw_name
