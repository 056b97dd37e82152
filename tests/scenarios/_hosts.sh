# Hosts for scenarios that type what a document says: each is a namespace of the laboratory with its own /etc, /run and
# users, has what `meson install` brings at /usr/local, and a stand-in for systemctl. To be sourced after _init.sh.
for program in meson systemd-sysusers systemd-tmpfiles; do
  command -v $program >/dev/null || { echo "skipped: there is no $program"; exit 77; }
done
installed=$lab/installed

# hosts A B …: makes the namespaces of these names hosts.
hosts() {
  local host
  DESTDIR=$installed meson install -C "$warp_build" --no-rebuild --quiet >"$lab/out" || { cat "$lab/out"; fail "no installation"; }
  [[ -d $installed/usr/local ]] || { echo "skipped: the build is for another prefix than /usr/local"; exit 77; }
  stand_in >"$installed/usr/local/bin/systemctl"
  chmod 755 "$installed/usr/local/bin/systemctl" "$lab"
  for host in "$@"; do
    mkdir -p "$lab/hosts/$host/"{etc,run,above,work}
    mount -t overlay etc -o "lowerdir=/etc,upperdir=$lab/hosts/$host/above,workdir=$lab/hosts/$host/work" "$lab/hosts/$host/etc"
    cp -r "$installed/etc/warp" "$lab/hosts/$host/etc/"
    typed "$host" <<<"systemd-sysusers warpd.conf warp-map.conf" 2>"$lab/out" || { cat "$lab/out"; fail "no users"; }
  done
}

# typed HOST: root's shell at that host, in which somebody types what stands on its standard input. It ends at the first
# command that fails.
typed() {
  ip netns exec "$1" bash -ec '
    mount --bind "$1/usr/local" /usr/local
    mount --bind "$0/etc" /etc
    mount --bind "$0/run" /run
    cd /
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin exec bash -e' "$lab/hosts/$1" "$installed"
}

# What systemd does to start a unit, as far as WARP's need it: its condition, directory, user, rights, programs, and that
# the unit has started when it is ready.
stand_in() {
  cat <<'SYSTEMCTL'
#!/bin/bash
set -euo pipefail
[[ $# == 2 && $1 == start ]] || { echo "systemctl: only start UNIT is known here" >&2; exit 1; }
unit=/usr/local/lib/systemd/system/$2.service
value() { sed -n "s/^$1=//p" "$unit"; }
[[ -e $(value ConditionPathExists) ]] || { echo "$2: there is no $(value ConditionPathExists)" >&2; exit 1; }
user=$(value User)
rights=-all$(value AmbientCapabilities | tr ' ' '\n' | sed 's/^CAP_/,+/' | tr -d '\n' | tr A-Z a-z)
install -d -o "$user" -g "$user" "/run/$(value RuntimeDirectory)"
$(value ExecStartPre | sed 's/^[-+]*//')
setpriv --reuid "$user" --regid "$user" --init-groups --no-new-privs --inh-caps "$rights" --ambient-caps "$rights" \
  --bounding-set "$rights" -- $(value ExecStart) >"/run/$2.log" 2>&1 &
for ((i = 0; i < 150; i++)); do
  ! grep -qs ': ready' "/run/$2.log" || exit 0
  kill -0 $! 2>/dev/null || break
  sleep 0.1
done
cat "/run/$2.log" >&2
exit 1
SYSTEMCTL
}
