"""The tests marked ``gpu``, as a row of gpu_tests.md."""

from __future__ import annotations

import datetime
import os
import re
import signal
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from msvitreid.utils.files import write_text_atomically

ROOT = Path(__file__).parents[4]
PAGE = 'gpu_tests.md'
NONE_YET = '| – | none so far |'
LINE = re.compile(r'(tests/\S+?::.+?) (PASSED|FAILED|SKIPPED|ERROR|XFAIL|XPASS)\b')
#: Named of one kind at most.
NAMED = 30


def gpu_test_files() -> list[str]:
    """Files with such tests: others need not be importable here. Those of kernels come last."""
    files = [
        str(path.relative_to(ROOT))
        for path in sorted((ROOT / 'tests').rglob('test_*.py'))
        if 'mark.gpu' in path.read_text(encoding='utf-8')
    ]
    return sorted(files, key=lambda file: 'kernels' in file)


def run_suite(files: list[str], timeout: float, log: Path) -> tuple[str, bool]:
    """What the tests' row says, and whether all that ran has passed.

    Args:
        files: of tests.
        timeout: seconds after which they are stopped; what has run until then counts.
        log: file for the whole output; left out where all passed.
    """
    if find_spec('pytest') is None:
        return 'not run: pytest is not installed', False
    command = [sys.executable, '-m', 'pytest', '-m', 'gpu', '-v', '--tb=short', '--color=no']
    command += ['-p', 'no:cacheprovider', *files]
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env={
            **os.environ,
            'CUBLAS_WORKSPACE_CONFIG': ':4096:8',
            'PYTHONUNBUFFERED': '1',
            'PYTHONPATH': os.pathsep.join([str(ROOT), *filter(None, sys.path)]),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    stopped = ''
    try:
        output, _ = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output, _ = process.communicate()
        stopped = f'; stopped after {timeout:.0f} s'
    outcome, passed = summarize(output)
    passed = passed and not stopped and process.returncode in (0, 5)
    if process.returncode not in (0, 1, 5) and not stopped:
        stopped = f'; pytest ended with code {process.returncode}'
    if not passed:
        write_text_atomically(log, output)
    return outcome + stopped, passed


def summarize(output: str) -> tuple[str, bool]:
    """Counts and the names of what failed, from pytest's verbose lines."""
    outcomes: dict[str, list[str]] = {}
    for name, outcome in dict(LINE.findall(output)).items():
        outcomes.setdefault(outcome, []).append(name)
    failed = [*outcomes.get('FAILED', []), *outcomes.get('ERROR', [])]
    text = ', '.join(
        f'{len(outcomes.get(key, []))} {key.lower()}' for key in ('PASSED', 'FAILED', 'SKIPPED')
    )
    if 'ERROR' in outcomes:
        text += f', {len(outcomes["ERROR"])} with errors'
    if failed:
        names = [name.removeprefix('tests/').replace('|', r'\|') for name in failed[:NAMED]]
        text += ': ' + ', '.join(f'`{name}`' for name in names)
        text += f' and {len(failed) - NAMED} more' if len(failed) > NAMED else ''
    return text, not failed


def add_row(folder: Path, device: str, versions: str, outcome: str) -> None:
    """Add a row to the page, which is copied from the docs to another folder first."""
    path = folder / PAGE
    page = path if path.exists() else ROOT / 'docs' / 'benchmarks' / PAGE
    lines = page.read_text(encoding='utf-8').splitlines()
    if page != path:
        # Rows of other runs are not this folder's.
        heads = [i for i, line in enumerate(lines) if line.startswith('|---')]
        lines = lines[: heads[-1] + 1]
    lines = [line for line in lines if not line.startswith(NONE_YET)]
    today = datetime.date.today().isoformat()
    lines.append(f'| {today} | {device} | {versions} | {outcome} |')
    folder.mkdir(parents=True, exist_ok=True)
    write_text_atomically(path, '\n'.join(lines) + '\n')
