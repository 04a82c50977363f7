"""Trained nets in other runtimes; each is imported when a net is taken there."""

from .openvino_net import use_openvino

__all__ = ['use_openvino']
