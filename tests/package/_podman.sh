# The verbs of a story with containers, in addition to those of one with packages (_machine.sh).
. "$(dirname "${BASH_SOURCE[0]}")/_machine.sh"
command -v podman >/dev/null || skip "there is no podman: sudo tools/test --suite package installs it"
examples=$package_tests/../../docs/examples/containers

# What podman keeps is in memory, as files: a laboratory has no overlays for it. It runs in this namespace, without a
# service manager, and a container is in no control group of its own. crun refuses to look at control groups of both
# versions, and so it is shown those of version 2 alone.
mount -t cgroup2 cgroup /sys/fs/cgroup
# What runs in it keeps this machine's limits, because more may be refused.
limit() { ulimit "$1" | sed 's/unlimited/-1/'; }
mkdir -p "$lab/podman"
cat >"$lab/podman/containers.conf" <<CONF
[containers]
cgroups = "disabled"
default_ulimits = ["nofile=$(limit -Sn):$(limit -Hn)", "nproc=$(limit -Su):$(limit -Hu)"]
[network]
network_backend = "netavark"
CONF
cat >"$lab/podman/podman" <<WRAPPER
#!/bin/sh
CONTAINERS_CONF=$lab/podman/containers.conf exec "$(command -v podman)" --root "$lab/podman/root" --runroot "$lab/podman/run" \
  --tmpdir "$lab/podman/tmp" --storage-driver vfs --network-config-dir "$lab/podman/networks" --cgroup-manager cgroupfs \
  --events-backend none "\$@"
WRAPPER
chmod +x "$lab/podman/podman"
PATH=$lab/podman:$PATH  # for what calls podman by its name, too

# image node warp-node: builds the former of the recipe under the latter name, on the root that tests/package/fetch has made.
image() {
  quietly podman build --isolation chroot --network host --build-arg DEBIAN=localhost/debian --target "$1" -t "$2" \
    -f "$examples/Containerfile" "$fetched"
}

# images_made: makes the packages, and of them the images of a node and of the map.
images_made() {
  packages_made
  step "the image of an empty Debian"
  # That of Docker's registry says the search path, too.
  tar -C "$fetched/root" -c --exclude ./dev --exclude ./complete . |
    quietly podman import --change 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' - localhost/debian
  step "the images of a node and of the map"
  image node warp-node
  image map warp-map
}

# folder_of A a: copies that folder of the example into $lab/containers, and puts keys where it has room for them: those of
# A, B and M of the laboratory. The private one is that user's of the images.
folder_of() {
  local folder=$lab/containers/$2
  mkdir -p "$lab/containers"
  cp -r "$examples/$2" "$folder"
  sed -i "s,<A's public key>,$(public_key A),; s,<B's public key>,$(public_key B),; s,<the map's public key>,$(public_key M)," \
    "$folder"/*.yaml
  install -o 13116 -g 13116 -m 600 "$(key_file "$1")" "$folder/$(sed -n 's/^ *private_key_file: //p' "$folder"/*.yaml)"
  chmod -R go+rX "$folder"
  chmod 600 "$folder"/*.key
}
