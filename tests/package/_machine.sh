# The verbs of a story with packages, in addition to those of a scenario (tests/scenarios/_init.sh). A machine is a Debian
# of its own in the namespace of a site, whose systemd is the first process of namespaces of its own.
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
trap machines_end EXIT

machines=$lab/machines     # their roots
declare -A systemd_of      # the first process of each, as of this namespace
declare -A group_of        # its control group
quietly() { "$@" >"$lab/quiet.log" 2>&1 || { cat "$lab/quiet.log"; fail "failed: $*"; }; }

machines_end() {
  local status=$? name
  trap - ERR
  set +e
  for name in "${!systemd_of[@]}"; do
    if ((status != 0)); then
      echo "--- machine $name"
      within "$name" systemctl --no-pager status warpd warp-map
      within "$name" journalctl --no-pager -n 60
    fi
    machine_down "$name"
  done
  (exit "$status")
  scenario_end
}

# A namespace frees what is in it, but a control group stays.
machine_down() {
  kill -KILL "${systemd_of[$1]}"
  wait "${pid_of[machine-$1]}"
  find "${group_of[$1]}" -depth -type d -exec rmdir {} + 2>/dev/null
  unset "pid_of[machine-$1]" "systemd_of[$1]" "group_of[$1]"
}

# packages_made: makes the packages of the programs in the build directory, unless they are newer than all that they are
# made of. They are in /packages of every machine.
packages_made() {
  local top=$package_tests/../..
  local sources=("$warp_build"/{control/warpd,map-server/warp-map,tools/warp} "$top"/tools/{package,packages.txt,packaging,manual})
  if [[ ! -e $fetched/made || -n $(find "${sources[@]}" -newer "$fetched/made" -print -quit) ]]; then
    "$top/tools/package" --build "$warp_build" --into "$fetched" >"$lab/package.log" 2>&1 ||
      { cat "$lab/package.log"; fail "no packages"; }
    touch "$fetched/made"
  fi
  mkdir -p "$lab/packages"
  local package
  for package in warp warpd warp-map; do cp "$fetched/${package}"_[0-9]*.deb "$lab/packages/$package.deb"; done
}

# machine_root A [ROOT]: lays the root of a machine upon what tests/package/fetch has made, or upon the root of another
# machine. What is done within it before machine_up has this machine's network.
machine_root() {
  local root=$machines/$1 above=$lab/above/$1
  mkdir -p "$root" "$above/upper" "$above/work"
  mount -t overlay machine -o "lowerdir=${2:-$fetched/root},upperdir=$above/upper,workdir=$above/work" "$root"
  mkdir -p "$root/packages" "$root/var/cache/apt/archives/partial"
  mount --bind "$fetched/archives" "$root/var/cache/apt/archives"
  mount --bind "$lab/packages" "$root/packages"
  cat /etc/resolv.conf >"$root/etc/resolv.conf"
  apt-config dump | grep -E '^Acquire::https?::Proxy' >"$root/etc/apt/apt.conf.d/90proxy" || true
  # A new machine-id would be one more difference.
  echo 0123456789abcdef0123456789abcdef >"$root/etc/machine-id"
}

# install_packages A [OPTION…]: all three packages, by apt.
install_packages() {
  quietly within "$1" apt-get -q -y --no-install-recommends -o APT::Sandbox::User=root install "${@:2}" \
    /packages/{warp,warpd,warp-map}.deb
}

# machine_up A: starts systemd in the network namespace of that name, and waits until it has started what there is.
machine_up() {
  local name=$1 i
  group_of[$name]=$(mktemp -d "$cgroups/warp-package-XXXXXX")
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
mount -t devpts -o newinstance,ptmxmode=666,mode=620 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
mkdir -p run/before
mount --make-rprivate /
pivot_root . run/before
exec env -i container=lab PATH=/usr/sbin:/usr/bin:/sbin:/bin chroot . bash -c 'umount -l /run/before; exec /lib/systemd/systemd'
INIT
  (
    echo $BASHPID >"${group_of[$name]}/cgroup.procs"
    exec nsenter --net="/run/netns/$name" unshare --pid --fork --kill-child --mount --uts --ipc --cgroup \
      bash "$lab/init" "$machines/$name"
  ) >"$lab/machine-$name.log" 2>&1 &
  pid_of[machine-$name]=$!
  for ((i = 0; i < 600; i++)); do
    systemd_of[$name]=$(pgrep -P "${pid_of[machine-$name]}" || true)
    [[ -z ${systemd_of[$name]} || $(within "$name" systemctl is-system-running 2>/dev/null) != @(running|degraded) ]] || return 0
    kill -0 "${pid_of[machine-$name]}" || break
    sleep 0.1
  done
  cat "$lab/machine-$name.log"
  fail "systemd did not start"
}

# serve A: gives machine A what node_config has written for it, and the key that root made, and starts its warpd. A's status
# is at the usual place.
serve() {
  sed '/control_socket/d; /state_directory/d; s,private_key_file:.*,private_key_file: /etc/warp/private.key,' \
    "$lab/$1.yaml" | within "$1" tee /etc/warp/warpd.yaml >/dev/null
  within "$1" install -m 600 /dev/stdin /etc/warp/private.key <"$(key_file "$1")"
  within "$1" systemctl start warpd
  ln -s "/proc/${systemd_of[$1]}/root/run/warp/warpd.sock" "$lab/$1.sock"
}
main_pid() { within "$1" systemctl show -P MainPID warpd; }

# within A COMMAND…: runs it in that machine: before it is up, in its root.
within() {
  local enter=(chroot "$machines/$1")
  [[ -z ${systemd_of[$1]:-} ]] || enter=(nsenter -t "${systemd_of[$1]}" -m -u -i -n -p -C -r -w)
  "${enter[@]}" env -i HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "${@:2}"
}

# machine_serves LINKS: installs the packages on a machine A, whose warpd has so many links to B, a warpd of this tree that
# answers every payload.
machine_serves() {
  packages_made
  machine_root A
  quietly within A apt-get -q update
  install_packages A --download-only
  joined A B "$1"
  machine_up A
  install_packages A
  with_map=no with_endpoints=yes
  node_config A B
  node_config B A
  serve A
  node_up B
  wait_active A "$1"
  echo_up
}

# Prints every file of a machine that is not apt's, dpkg's or systemd's own book-keeping.
machine_files() {
  within "$1" find / -xdev \( -path /proc -o -path /sys -o -path /dev -o -path /run -o -path /tmp -o -path /packages \
    -o -path /var/cache -o -path /var/lib/apt -o -path /var/lib/dpkg -o -path /var/log -o -path /var/lib/systemd \) -prune \
    -o -print | sort
}
