"""Trained nets for inference: fused, in OpenVINO; knows models, and no config or runner."""

from .backends import Backend
from .fused import fuse_for_inference
from .openvino_net import use_openvino

__all__ = ['Backend', 'fuse_for_inference', 'use_openvino']
