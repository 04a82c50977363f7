#!/usr/bin/env bash
# CONFIG GPUS [options of train]: msvitreid dist-train, which explains its environment in --help.
exec "${PYTHON:-python}" -m msvitreid dist-train "$@"
