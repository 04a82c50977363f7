"""``slurm_*.sh`` under an ``srun`` that runs rank 0 of 1, and what ``dist_*.sh`` start."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.tools.user import REPOSITORY, SMALL, leaf, options

TOOLS = REPOSITORY / 'tools'
MARKET = leaf('msvit-s_market1501')

# What a script starts writes down what it was given, a file for each name it goes by.
RECORD = """#!/usr/bin/env bash
printf '%s\\0' "$@" >"{folder}/$(basename "$0").arguments"
printf '%s' "${{MASTER_PORT-}}" >"{folder}/port"
"""
SRUN = """while [[ $1 == -* ]]; do shift; done
export SLURM_PROCID=0 SLURM_LOCALID=0 SLURM_NTASKS=1 SLURM_NODELIST=localhost
exec "$@"
"""
# Of each script: what precedes the number of GPUs, and the tool's own share of that.
SLURM = {
    'slurm_train.sh': (['gpu', 'job', 'a config.py'], ['a config.py']),
    'slurm_test.sh': (['gpu', 'job', 'a config.py', 'c.pth'], ['a config.py', 'c.pth']),
}
WRONG_GPUS = [[], ['0'], ['-1'], ['two'], ['1.5'], ['2x'], [' 2'], [''], ['--resume']]


class Cluster(NamedTuple):
    """A folder of commands that hide the real ones."""

    folder: Path

    def run(self, script: Path | str, *arguments: object, **variables: object):
        """Run one of the tools' scripts, or any other file, outside of a job by default."""
        inherited = {k: v for k, v in os.environ.items() if not k.startswith('SLURM_')}
        environment = {
            **inherited,
            'PATH': f'{self.folder}:{os.environ["PATH"]}',
            'OMP_NUM_THREADS': '1',
            'CUDA_VISIBLE_DEVICES': '',
            **{name: str(value) for name, value in variables.items()},
        }
        command = ['bash', TOOLS / script, *map(str, arguments)]
        return subprocess.run(
            command, capture_output=True, text=True, env=environment, timeout=120
        )

    def arguments(self, command: str) -> list[str]:
        return (self.folder / f'{command}.arguments').read_text().split('\0')[:-1]

    def port(self) -> int:
        return int((self.folder / 'port').read_text())

    def add(self, name: str, rest: str) -> None:
        (self.folder / name).write_text(RECORD.format(folder=self.folder) + rest)
        (self.folder / name).chmod(0o755)


@pytest.fixture
def cluster(tmp_path):
    """With ``srun``, and a ``python`` that does nothing."""
    (tmp_path / 'bin').mkdir()
    cluster = Cluster(tmp_path / 'bin')
    cluster.add('srun', SRUN)
    cluster.add('python', 'exit "${CODE:-0}"\n')
    return cluster


@pytest.mark.parametrize('script', SLURM)
def test_what_srun_is_asked_for(cluster, script):
    given, own = SLURM[script]
    more = ['--work-dir', 'a dir', '--cfg-options', "x='$HOME *'"]
    done = cluster.run(script, *given, 16, *more)
    assert done.returncode == 0, done.stderr
    *wanted, python = cluster.arguments('srun')[:8]
    assert wanted == [
        '--partition=gpu', '--job-name=job', '--ntasks=16', '--ntasks-per-node=8',
        '--gres=gpu:8', '--cpus-per-task=5', '--kill-on-bad-exit=1',
    ]  # fmt: skip
    tool = script.removeprefix('slurm_').replace('.sh', '.py')
    command = ['-u', str(TOOLS / tool), *own, '--launcher', 'slurm', *more]
    assert python == 'python'
    assert cluster.arguments('srun')[8:] == cluster.arguments('python') == command


@pytest.mark.parametrize('script', SLURM)
def test_the_environment_has_its_say(cluster, script):
    given, _ = SLURM[script]
    cluster.add('snake', '')
    done = cluster.run(
        script, *given, 16, GPUS_PER_NODE=4, CPUS_PER_TASK=12, PYTHON='snake',
        SRUN_ARGS='--time=1:00:00  --constraint=a100',
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert cluster.arguments('srun')[2:10] == [
        '--ntasks=16', '--ntasks-per-node=4', '--gres=gpu:4', '--cpus-per-task=12',
        '--kill-on-bad-exit=1', '--time=1:00:00', '--constraint=a100', 'snake',
    ]  # fmt: skip
    assert cluster.arguments('snake')[0] == '-u'


@pytest.mark.parametrize('script', SLURM)
@pytest.mark.parametrize(('gpus', 'per_node'), [(1, 1), (3, 3), (8, 8), (12, 8)])
def test_part_of_a_machine(cluster, script, gpus, per_node):
    cluster.run(script, *SLURM[script][0], gpus)
    assert cluster.arguments('srun')[2:5] == [
        f'--ntasks={gpus}', f'--ntasks-per-node={per_node}', f'--gres=gpu:{per_node}'
    ]  # fmt: skip


@pytest.mark.parametrize('script', SLURM)
def test_jobs_have_ports_of_their_own(cluster, script):
    def port(**variables):
        assert cluster.run(script, *SLURM[script][0], 1, **variables).returncode == 0
        return cluster.port()

    ports = [port(SLURM_JOB_ID=job) for job in (7, 123456, 123457, 99999999)]
    assert ports == [20007, 23456, 23457, 29999]
    assert port(SLURM_JOB_ID=7, PORT=1234) == 1234
    assert port(PORT=1234) == 1234
    assert 20000 <= port() < 30000


@pytest.mark.parametrize('script', SLURM)
@pytest.mark.parametrize('code', [0, 1, 2, 75])
def test_the_exit_code_is_the_tools(cluster, script, code):
    assert cluster.run(script, *SLURM[script][0], 2, CODE=code).returncode == code


@pytest.mark.parametrize('script', SLURM)
@pytest.mark.parametrize('gpus', WRONG_GPUS)
def test_wrong_usage_of_slurm(cluster, script, gpus):
    done = cluster.run(script, *SLURM[script][0], *gpus)
    assert done.returncode == 2
    assert done.stdout == ''
    assert done.stderr.startswith(f'usage: {TOOLS / script} PARTITION JOB_NAME CONFIG')
    assert 'PORT' in done.stderr
    assert not (cluster.folder / 'srun.arguments').exists()


@pytest.mark.parametrize('command', ['dist-train', 'dist-test'])
def test_the_scripts_for_one_machine_are_commands(cluster, command):
    given = ['a config.py', '2', '--out', 'a b.json']
    done = cluster.run(f'{command.replace("-", "_")}.sh', *given, CODE=75)
    assert (done.returncode, done.stderr) == (75, '')
    assert cluster.arguments('python') == ['-m', 'msvitreid', command, *given]


@pytest.fixture
def batch_script(tmp_path):
    """The batch script of the documentation."""
    page = (REPOSITORY / 'docs' / 'en' / 'distributed.md').read_text(encoding='utf-8')
    (script,) = re.findall(r'^```bash\n(#!.*?)^```$', page, re.DOTALL | re.MULTILINE)
    (tmp_path / 'train.sbatch').write_text(script)
    return tmp_path / 'train.sbatch'


def test_the_documented_batch_script_asks_for_a_second_life(batch_script):
    text = batch_script.read_text()
    asked = [
        word for line in re.findall(r'^#SBATCH (.*)$', text, re.M) for word in shlex.split(line)
    ]
    assert {'--requeue', '--signal=TERM@120', '--open-mode=append'} <= set(asked)


@pytest.mark.parametrize(
    ('code', 'requeued'), [(0, False), (2, False), (75, True), (137, False)]
)
def test_the_documented_batch_script_requeues_what_was_cut_off(
    cluster, batch_script, code, requeued
):
    cluster.add('scontrol', '')
    variables = {
        'SLURM_JOB_ID': 42, 'SLURM_JOB_PARTITION': 'spot', 'SLURM_JOB_NAME': 'reid',
        'SLURM_NTASKS': 16, 'SLURM_SUBMIT_DIR': REPOSITORY,
    }  # fmt: skip
    script = f'cd "$SLURM_SUBMIT_DIR" && source {batch_script}'
    (batch_script.parent / 'job').write_text(script)
    done = cluster.run(batch_script.parent / 'job', CODE=code, **variables)
    assert done.returncode == code, done.stderr
    assert (cluster.folder / 'scontrol.arguments').exists() == requeued
    if requeued:
        assert cluster.arguments('scontrol') == ['requeue', '42']
    wanted = ['--partition=spot', '--ntasks=16', '--kill-on-bad-exit=0', '--wait=60']
    assert set(wanted) < set(cluster.arguments('srun'))
    assert '--resume' in cluster.arguments('python')


@pytest.mark.slow
def test_train_and_test_as_the_only_process(cluster, data_root, tmp_path):
    small = {**SMALL, 'data_root': data_root, 'train_cfg.max_epochs': 1}
    here = {'PYTHON': sys.executable, 'MASTER_ADDR': '127.0.0.1', 'SLURM_JOB_ID': os.getpid()}
    work_dir, figures = tmp_path / 'work', tmp_path / 'figures.json'
    done = cluster.run(
        'slurm_train.sh', 'gpu', 'job', MARKET, 1, '--work-dir', work_dir, *options(small),
        **here,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    done = cluster.run(
        'slurm_test.sh', 'gpu', 'job', MARKET, work_dir / 'averaged.pth', 1,
        '--out', figures, '--work-dir', tmp_path / 'test', *options(small), **here,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert 'mAP' in json.loads(figures.read_text())['metrics']
