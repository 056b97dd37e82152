# The verbs of a story with packages, in addition to those of a scenario (tests/scenarios/_init.sh). Site A is a Debian
# of its own here, whose systemd is the first process of namespaces; B is a warpd of this tree:
#
#     Debian A (root, systemd) wan0 -- wan0 B
#                              wan1 -- wan1
#
# The root that tests/package/fetch has made stays as it is: what is installed lies on top of it, in memory.
package_tests=$(readlink -f "$(dirname "${BASH_SOURCE[0]}")")
fetched=${WARP_BUILD:-$package_tests/../../build}/package

skip() {
  echo "skipped: $*" >&2
  exit 77
}
for program in dpkg-buildpackage dh lintian; do
  command -v $program >/dev/null || skip "there is no $program: sudo tools/test --suite package installs it"
done
[[ -e $fetched/root/complete ]] || skip "there is no $fetched/root: sudo tools/test --suite package makes it"
cgroups=$(findmnt -n -t cgroup2 -o TARGET | sed -n 1p)
[[ -n $cgroups ]] || skip "there are no control groups of version 2, which systemd needs"
. "$package_tests/../scenarios/_init.sh"
trap machine_end EXIT

machine=$lab/machine

machine_end() {
  local status=$?
  trap - ERR
  set +e
  if ((status != 0)) && [[ -n ${machine_pid:-} ]]; then
    within systemctl --no-pager status warpd warp-map
    within journalctl --no-pager -n 60
  fi
  machine_down
  (exit "$status")
  scenario_end
}

# A namespace frees what is in it, but a control group stays.
machine_down() {
  [[ -n ${machine_pid:-} ]] || return 0
  kill -KILL "$machine_pid"
  wait "${pid_of[machine]}"
  unset 'pid_of[machine]' machine_pid
  find "$group" -depth -type d -exec rmdir {} + 2>/dev/null
}

# Lays the root of the machine; what is done in it before machine_up has this machine's network.
machine_root() {
  mkdir -p "$machine" "$lab/above/upper" "$lab/above/work"
  mount -t overlay machine -o "lowerdir=$fetched/root,upperdir=$lab/above/upper,workdir=$lab/above/work" "$machine"
  mkdir -p "$machine/packages" "$machine/var/cache/apt/archives/partial"
  mount --bind "$fetched/archives" "$machine/var/cache/apt/archives"
  cat /etc/resolv.conf >"$machine/etc/resolv.conf"
  apt-config dump | grep -E '^Acquire::https?::Proxy' >"$machine/etc/apt/apt.conf.d/90proxy" || true
  # A new machine-id would be one more difference.
  echo 0123456789abcdef0123456789abcdef >"$machine/etc/machine-id"
}

# Starts systemd in the network namespace of A, and waits until it has started what there is.
machine_up() {
  group=$cgroups/warp-package-$$
  mkdir "$group"
  cat >"$lab/init" <<'INIT'
set -e
cd "$1"
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t cgroup2 cgroup sys/fs/cgroup
mount -t tmpfs -o mode=755 run run
mount -t tmpfs tmp tmp
mount -t tmpfs -o mode=755 dev dev
mkdir -p dev/pts dev/net dev/shm
for device in null zero full random urandom tty net/tun; do
  touch "dev/$device"
  mount --bind "/dev/$device" "dev/$device"
done
mkdir -p run/before
mount --make-rprivate /
pivot_root . run/before
exec env -i container=lab PATH=/usr/sbin:/usr/bin:/sbin:/bin chroot . bash -c 'umount -l /run/before; exec /lib/systemd/systemd'
INIT
  (
    echo $BASHPID >"$group/cgroup.procs"
    exec nsenter --net=/run/netns/A unshare --pid --fork --kill-child --mount --uts --ipc --cgroup bash "$lab/init" "$machine"
  ) >"$lab/machine.log" 2>&1 &
  pid_of[machine]=$!
  local i
  for ((i = 0; i < 600; i++)); do
    machine_pid=$(pgrep -P "${pid_of[machine]}" || true)
    [[ -z $machine_pid || $(within systemctl is-system-running 2>/dev/null) != @(running|degraded) ]] || return 0
    kill -0 "${pid_of[machine]}" || break
    sleep 0.1
  done
  cat "$lab/machine.log"
  fail "systemd did not start"
}

# within COMMAND…: runs it in the machine: before it is up, in its root.
within() {
  if [[ -n ${machine_pid:-} ]]; then
    nsenter -t "$machine_pid" -m -u -i -n -p -C -r -w env -i HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
      PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@"
  else
    env -i HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
      PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin chroot "$machine" "$@"
  fi
}

# Prints every file of the machine that is not apt's, dpkg's or systemd's own book-keeping.
machine_files() {
  within find / -xdev \( -path /proc -o -path /sys -o -path /dev -o -path /run -o -path /tmp -o -path /packages \
    -o -path /var/cache -o -path /var/lib/apt -o -path /var/lib/dpkg -o -path /var/log -o -path /var/lib/systemd \) -prune \
    -o -print | sort
}
