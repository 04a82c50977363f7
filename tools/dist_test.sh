#!/usr/bin/env bash
# CONFIG CHECKPOINT GPUS [options of test]: msvitreid dist-test, which explains its environment in --help.
exec "${PYTHON:-python}" -m msvitreid dist-test "$@"
