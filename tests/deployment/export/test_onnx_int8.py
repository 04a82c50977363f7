"""What stays in float32; class of faults: a name that is another one in a joined net."""

from types import SimpleNamespace

import pytest

from msvitreid.deployment.export.onnx_int8 import SCOPES, _stays


@pytest.mark.parametrize(
    ('module', 'stays'),
    [
        ('backbone.stem.0.conv', True),
        ('backbone.nets.1.backbone.stem.0.conv', True),
        ('head.norms.0', True),
        ('backbone.nets.0.head.norms.0', True),
        ('backbone.stages.0.0.main.1', True),
        ('backbone.nets.0.backbone.stages.0.0.main.1', True),
        ('backbone.stages.1.0.main.2.expand', True),
        ('backbone.stages.1.0.main.1', False),
        ('backbone.timm_model.conv_head', False),
    ],
)
def test_modules(module, stays):
    # As the exporter writes them: of the net, of the module and of all above.
    scopes = str(['', module.partition('.')[0], module])
    entry = SimpleNamespace(key=SCOPES, value=scopes)
    assert _stays(SimpleNamespace(op_type='Conv', metadata_props=[entry])) is stays
    assert not _stays(SimpleNamespace(op_type='Add', metadata_props=[entry]))
