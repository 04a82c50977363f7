import mmengine.config.config as mmengine_config
from mmengine.config import Config

from msvitreid.utils import config_text

LONG = {'pipeline': [{'type': 'LoadImage'}, {'type': 'Resize', 'scale': (128, 384)}] * 4}


def test_text_is_what_mmengine_makes_and_made_once(monkeypatch):
    monkeypatch.setattr(mmengine_config, 'FormatCode', mmengine_config.FormatCode)
    cfg = Config(LONG)
    expected = cfg.pretty_text
    assert expected.count('\n') > 4

    calls = []

    def counted(*args, **kwargs):
        calls.append(args)
        return original(*args, **kwargs)

    original = config_text.FormatCode
    monkeypatch.setattr(config_text, 'FormatCode', counted)
    config_text._remembered.cache_clear()
    config_text.format_configs_once()
    assert [cfg.pretty_text for _ in range(3)] == [expected] * 3
    assert len(calls) == 1

    cfg.pipeline.append({'type': 'PackReIDInputs'})
    assert 'PackReIDInputs' in cfg.pretty_text
    assert len(calls) == 2
