from __future__ import annotations

import subprocess
import sys


def test_importing_datasets_is_light():
    script = (
        'import sys, msvitreid.datasets\n'
        'heavy = {"torchvision", "mmpretrain", "scipy", "sklearn"}\n'
        'print(sorted(heavy & set(sys.modules)))\n'
    )
    done = subprocess.run(
        [sys.executable, '-c', script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == '[]'
