"""torch's threads sleep while they wait, because the decoder needs the cores; a user's own choice stays."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest


@pytest.mark.parametrize(("chosen", "expected"), [(None, "PASSIVE"), ("ACTIVE", "ACTIVE")])
def test_threads_wait_as_the_user_or_the_decoder_needs_it(chosen: str | None, expected: str) -> None:
    program = (
        "import os, sys\n"
        "from highlightr.features.engines.source import NetworkSource\n"
        "assert 'torch' not in sys.modules\n"
        "NetworkSource('test', 'cpu', None, 0)\n"
        "print(os.environ['OMP_WAIT_POLICY'])\n"
    )
    environment = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    environment |= {} if chosen is None else {"OMP_WAIT_POLICY": chosen}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == expected
