"""Files of an export get their names, and are killed or fail in between.

Class of faults: a graph with the weights of another export, or half of one that blocks the next.
"""

import os
import signal

import pytest

from msvitreid.deployment.export.digest import BLANK, sealed
from msvitreid.deployment.export.openvino_file import OpenVINOFormat
from msvitreid.deployment.export.publishing import export_folder, finish_killed, publish
from msvitreid.errors import OutputError

CHOSEN = OpenVINOFormat()


def write_pair(path, name):
    """A graph that carries the digest of both, and weights."""
    weights, graph = CHOSEN.files(path)
    weights.write_text(name)
    parts = {'graph': f'<net> {name} {BLANK}'.encode(), 'weights': name.encode()}
    graph.write_bytes(sealed(parts)['graph'])


def contents(path):
    return [file.read_bytes() for file in CHOSEN.files(path) if file.exists()]


def replace_and_then(action, monkeypatch, after):
    """Let ``os.replace`` work so many times, and then do something else."""
    replace, left = os.replace, [after]

    def replace_or_not(*paths):
        if not left[0]:
            left[0] -= 1
            action()
        left[0] -= 1
        replace(*paths)

    monkeypatch.setattr(os, 'replace', replace_or_not)


def export_in_child(out, monkeypatch, after):
    """A process that is killed when so many files of the pair 'new' are moved."""
    if not (child := os.fork()):
        die = lambda: os.kill(os.getpid(), signal.SIGKILL)  # noqa: E731
        replace_and_then(die, monkeypatch, after)
        with export_folder(out) as folder:
            write_pair(folder / out.name, 'new')
            publish(CHOSEN, folder / out.name, out)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL


@pytest.mark.parametrize(
    ('after', 'seen', 'finished'), [(0, 2, 'old'), (1, 1, 'old'), (2, 1, 'new')]
)
def test_a_killed_export_is_finished_or_undone(after, seen, finished, tmp_path, monkeypatch):
    """After 1 or 2 moves there is no graph, and the lonely weights blocked the next export."""
    out = tmp_path / 'net.xml'
    write_pair(out, 'old')
    write_pair(tmp_path / 'expected.xml', finished)
    export_in_child(out, monkeypatch, after)
    assert len(contents(out)) == seen
    finish_killed(CHOSEN, out)
    assert contents(out) == contents(tmp_path / 'expected.xml')
    names = {'net.xml', 'net.bin', 'expected.xml', 'expected.bin'}
    assert {path.name for path in tmp_path.iterdir()} == names


@pytest.mark.parametrize('weights', [b'precious', b'', None])
def test_weights_of_something_else_are_left_alone(weights, tmp_path, monkeypatch):
    out = tmp_path / 'net.xml'
    export_in_child(out, monkeypatch, 0)
    if weights is not None:
        out.with_suffix('.bin').write_bytes(weights)
    finish_killed(CHOSEN, out)
    assert contents(out) == [weights] * (weights is not None)


@pytest.mark.parametrize('after', [0, 1, 2])
def test_a_failure_leaves_what_was_there(after, tmp_path, monkeypatch):
    out = tmp_path / 'net.xml'
    write_pair(out, 'old')
    before = contents(out)

    def fail():
        raise OSError(28, 'No space left on device')

    with export_folder(out) as folder:
        write_pair(folder / out.name, 'new')
        new = contents(folder / out.name)
        replace_and_then(fail, monkeypatch, after)
        with pytest.raises(OutputError, match=r'net\.xml'):
            publish(CHOSEN, folder / out.name, out)
    assert contents(out) == (new if after == 2 else before)
    assert {path.name for path in tmp_path.iterdir()} == {'net.xml', 'net.bin'}
