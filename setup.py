"""Packaging: ranges of what works; requirements/ci.txt pins what the tests ran with."""

from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).parent


def version() -> str:
    namespace: dict[str, str] = {}
    exec((ROOT / 'msvitreid' / 'version.py').read_text(), namespace)
    return namespace['__version__']


setup(
    name='msvitreid',
    version=version(),
    description='Re-identification and instance retrieval with MSViT, on mmengine',
    long_description=(ROOT / 'README.md').read_text(encoding='utf-8'),
    long_description_content_type='text/markdown',
    license='Apache-2.0',
    python_requires='>=3.10',
    packages=find_packages(include=['msvitreid', 'msvitreid.*']),
    # Configs, tools and model index travel where OpenMMLab's tools look for them; in a checkout
    # .mim holds symbolic links.
    package_data={
        'msvitreid': [
            'py.typed',
            'visualization/report/page.*',
            'serving/static/*',
            '.mim/model-index.yml',
            '.mim/configs/**/*.py',
            '.mim/configs/**/*.yml',
            '.mim/tools/**/*.py',
            '.mim/tools/**/*.sh',
        ]
    },
    entry_points={'console_scripts': ['msvitreid = msvitreid.cli.main:console']},
    install_requires=[
        'torch>=2.4',
        'numpy>=1.26',
        'mmengine>=0.10.7,<0.11',
        # mmcv without compiled ops; see the README where the full mmcv is installed.
        'mmcv-lite>=2.2,<2.3',
        # Makes the page of a report; torch needs it, too.
        'jinja2>=3.1',
        'pillow>=11.3',
        # Compares the values of a config with annotations.
        'pydantic>=2.9',
        # Reads tables of experiments; mmengine needs it, too.
        'pyyaml>=6.0.1',
        'safetensors>=0.4.5',
        'scipy>=1.11',
        'scikit-learn>=1.4',
    ],
    extras_require={
        # Embeddings as a table, Embeddings.to_parquet().
        'parquet': ['pyarrow>=15'],
        'openvino': ['openvino>=2026.4,<2027', 'nncf>=3.4,<4'],
        'export': ['onnx>=1.18,<2', 'onnxruntime>=1.22,<2', 'onnxscript>=0.5,<1'],
        'pretrain': ['mmpretrain>=1.2,<1.3', 'torchvision>=0.19'],
        # Kinds of images: Pillow reads AVIF by itself, HEIC needs a plug-in.
        'avif': ['pillow>=11.3'],
        'heif': ['pillow-heif>=1,<2'],
        'tensorboard': ['tensorboard>=2.17,<3'],
        'wandb': ['wandb>=0.18,<1'],
        # An approximate index for large galleries; a Qdrant server in place of a folder.
        'gallery-index': ['faiss-cpu>=1.8,<2'],
        'gallery-qdrant': ['qdrant-client>=1.20,<2'],
        # The search page, msvitreid serve.
        'serve': [
            'fastapi>=0.121,<1',
            # Before it answers to ranges of a file took quadratic time (CVE-2025-62727).
            'starlette>=0.49.1',
            'uvicorn>=0.30,<1',
            'python-multipart>=0.0.20',
        ],
        # Of the tests; the browser is Chromium of the system, which make test installs.
        'test': [
            'axe-playwright-python>=0.1.8',
            'hypothesis',
            'import-linter',
            'playwright>=1.65',
            'pytest',
            'pytest-xdist',
        ],
        'metric-learning': ['pytorch-metric-learning>=2.9,<3'],
        # Through mmpretrain; these versions read files of weights with weights_only=True.
        'timm': ['timm>=1.0.30,<2', 'mmpretrain>=1.2,<1.3', 'torchvision>=0.19'],
    },
    classifiers=[
        'License :: OSI Approved :: Apache Software License',
        'Programming Language :: Python :: 3',
        'Topic :: Scientific/Engineering :: Image Recognition',
    ],
)
