#!/usr/bin/env bash
# start|stop DIR: a real Slurm of two small nodes on this host's loopback, all of it below DIR. Needs root, and
# slurmctld, slurmd and slurm-client. Jobs see SLURM_CONF=DIR/slurm.conf and DIR/bin first on the PATH.
set -euo pipefail
action=${1:?start or stop} dir=$(realpath -m "${2:?folder}") host=$(hostname -s)
export SLURM_CONF=$dir/slurm.conf PATH=$PATH:/usr/sbin:/sbin
port=${SLURM_TEST_PORT:-26817}  # of the controller; the nodes listen on the two after it
nodes=(n1 n2)

write_configuration() {
  # No munge, no accounting, no cgroups: none of them works without a system's own services.
  cat > "$SLURM_CONF" <<CONF
ClusterName=crossmodal
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$port
SlurmUser=root
AuthType=auth/none
CredType=cred/none
StateSaveLocation=$dir/state
SlurmctldPidFile=$dir/slurmctld.pid
SlurmctldLogFile=$dir/slurmctld.log
SlurmdSpoolDir=$dir/spool/%n
SlurmdPidFile=$dir/slurmd-%n.pid
SlurmdLogFile=$dir/slurmd-%n.log
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SchedulerParameters=batch_sched_delay=0,sched_interval=1
KillWait=5
MinJobAge=3600
EnforcePartLimits=ALL
GresTypes=gpu
NodeName=n[1-2] NodeHostname=$host NodeAddr=127.0.0.1 Port=[$((port + 1))-$((port + 2))] CPUs=2 RealMemory=8000 Gres=gpu:2
PartitionName=main Nodes=ALL Default=YES State=UP
CONF
  printf "Name=gpu File=%s\n" /dev/null /dev/zero > "$dir/gres.conf"  # nobody looks into the devices
  # The plugin clears SLURM_* before the job step that it starts in a job.
  printf '#!/bin/sh\nSLURM_CONF=%s exec %s "$@"\n' "$SLURM_CONF" "$(command -v srun)" > "$dir/bin/srun"
  chmod +x "$dir/bin/srun"
}

# stop_daemon PIDFILE: end the daemon and wait until it is gone.
stop_daemon() {
  [ -s "$1" ] || return 0
  local pid
  pid=$(cat "$1")
  kill "$pid" 2> /dev/null || return 0
  for _ in $(seq 150); do kill -0 "$pid" 2> /dev/null || return 0; sleep 0.1; done
  kill -9 "$pid" 2> /dev/null || true
}

start() {
  mkdir -p "$dir"/{state,spool,bin}
  write_configuration
  slurmctld -c 2> /dev/null
  for node in "${nodes[@]}"; do slurmd -N "$node" 2> /dev/null; done
  for _ in $(seq 300); do
    [ "$(sinfo -hN -o %t 2> /dev/null | grep -cx idle)" = "${#nodes[@]}" ] && return 0
    sleep 0.1
  done
  tail "$dir"/*.log >&2
  stop
  exit 1
}

stop() {
  if [ -s "$dir/slurmctld.pid" ]; then
    # Not `scancel --user`: only what this controller runs.
    squeue -h -o %A 2> /dev/null | xargs -r scancel --signal=KILL --full 2> /dev/null || true
    for _ in $(seq 100); do [ -z "$(squeue -h 2> /dev/null)" ] && break; sleep 0.1; done
  fi
  for node in "${nodes[@]}"; do stop_daemon "$dir/slurmd-$node.pid"; done
  stop_daemon "$dir/slurmctld.pid"
}

case $action in
  start) start ;;
  stop) stop ;;
  *) echo "error: $action: expected start or stop" >&2; exit 2 ;;
esac
