#!/usr/bin/env bash
# Train under slurm, a process a GPU; it ends with the exit code of the training.
set -eu
case ${4-} in
'' | 0* | *[!0-9]*)
    cat >&2 <<END
usage: $0 PARTITION JOB_NAME CONFIG GPUS [train.py options]
GPUS: in all. Environment: GPUS_PER_NODE (8), CPUS_PER_TASK (5), SRUN_ARGS (more options of srun),
PORT (drawn from the job's id; two runs in one job need different ones), PYTHON (python).
END
    exit 2
    ;;
esac
partition=$1 job_name=$2 config=$3 gpus=$4
shift 4
per_node=${GPUS_PER_NODE:-8}
if [ "$gpus" -lt "$per_node" ]; then per_node=$gpus; fi
# Outside of a job, srun makes one whose id is not known yet.
export MASTER_PORT="${PORT:-$((20000 + ${SLURM_JOB_ID:-$$} % 10000))}"
# A process sees all GPUs of its machine and takes the one of its local rank: --gres, and not
# --gpus-per-task.
# shellcheck disable=SC2086  # SRUN_ARGS is several words.
exec srun --partition="$partition" --job-name="$job_name" \
    --ntasks="$gpus" --ntasks-per-node="$per_node" --gres="gpu:$per_node" \
    --cpus-per-task="${CPUS_PER_TASK:-5}" --kill-on-bad-exit=1 ${SRUN_ARGS:-} \
    "${PYTHON:-python}" -u "$(dirname "$0")/train.py" "$config" --launcher slurm "$@"
