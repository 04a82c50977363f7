import numpy
import torch

from msvitreid import __version__
from msvitreid.utils.versions import not_installed, versions


def test_versions_name_what_a_result_depends_on():
    found = versions()
    assert found['msvitreid'] == __version__
    assert found['numpy'] == numpy.__version__
    assert torch.__version__.startswith(found['torch'])
    assert {'python', 'mmengine'} <= set(found)


def test_a_missing_package_that_is_asked_for_is_stated():
    """Class of faults: a result silent about a package that it names."""
    found = versions('pytest', 'missing-one')
    assert set(found) == {*versions(), 'pytest', 'missing-one'}
    assert found['missing-one'] == 'not installed'
    assert not_installed('pytest', 'missing-one', 'torch') == ['missing-one']
