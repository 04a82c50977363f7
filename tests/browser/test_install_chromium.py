"""Class of faults: a machine without Chromium on which nobody learns what to do."""

from __future__ import annotations

import subprocess
from pathlib import Path

SCRIPT = Path(__file__).with_name('install_chromium.sh')


def install(folder, **variables):
    return subprocess.run(
        ['/bin/sh', SCRIPT],
        env={'PATH': str(folder), **variables},
        capture_output=True,
        text=True,
        timeout=60,
    )


def program(folder, name, text):
    (folder / name).write_text(f'#!/bin/sh\n{text}\n')
    (folder / name).chmod(0o755)


def test_what_is_there_is_taken(tmp_path):
    program(tmp_path, 'google-chrome', 'exit 1')
    assert install(tmp_path).stdout == f'{tmp_path}/google-chrome\n'
    program(tmp_path, 'mine', 'exit 1')
    assert install(tmp_path, CHROMIUM=f'{tmp_path}/mine').stdout == f'{tmp_path}/mine\n'


def test_what_cannot_be_installed_is_a_sentence(tmp_path):
    """Expected: exit code 1 and what to do, without apt-get, without sudo, and without network."""
    program(tmp_path, 'id', 'echo 0')
    for name, text in [('none', ''), ('id', 'echo 1000'), ('apt-get', 'exit 100')]:
        program(tmp_path, name, text)
        done = install(tmp_path)
        assert done.returncode == 1
        assert 'CHROMIUM' in done.stderr
        assert "'not browser'" in done.stderr
    program(tmp_path, 'id', 'echo 0')
    assert install(tmp_path).returncode == 1


def test_apt_installs_it(tmp_path):
    program(tmp_path, 'id', 'echo 0')
    # Only what the last of the two calls installs is there afterwards.
    install_it = f'printf "" > {tmp_path}/chromium && /bin/chmod +x {tmp_path}/chromium'
    program(tmp_path, 'apt-get', f'[ "$1" = update ] || {{ {install_it}; }}')
    done = install(tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith(f'{tmp_path}/chromium\n')
