#!/usr/bin/env bash
# Train on several GPUs of one machine, or of several machines, a process a GPU.
set -eu
case ${2-} in
'' | 0* | *[!0-9]*)
    cat >&2 <<END
usage: $0 CONFIG GPUS [train.py options]
GPUS: of this machine. Environment: PORT (29500; two runs on one machine need different ones),
PYTHON (python). Several machines, on each: NNODES (1), NODE_RANK (0), MASTER_ADDR (127.0.0.1; the
address of the machine with NODE_RANK 0) and PORT (the same).
END
    exit 2
    ;;
esac
config=$1 gpus=$2
shift 2
exec "${PYTHON:-python}" -m torch.distributed.run --nnodes="${NNODES:-1}" --node_rank="${NODE_RANK:-0}" \
    --master_addr="${MASTER_ADDR:-127.0.0.1}" --master_port="${PORT:-29500}" \
    --nproc_per_node="$gpus" \
    "$(dirname "$0")/train.py" "$config" --launcher pytorch "$@"
