import numpy
import torch

from msvitreid import __version__
from msvitreid.utils.versions import versions


def test_versions_name_what_a_result_depends_on():
    found = versions()
    assert found['msvitreid'] == __version__
    assert found['numpy'] == numpy.__version__
    assert torch.__version__.startswith(found['torch'])
    assert {'python', 'mmengine'} <= set(found)
    assert set(versions('pytest', 'not-installed')) == {*found, 'pytest'}
