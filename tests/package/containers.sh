#!/bin/bash
# The image and the composition of docs/containers, by Podman, as they stand there: two sites and a map, in containers
# without any right, find each other over two links, and what is sent arrives.
#
# Podman pulls nothing: the root that tests/package/fetch has made is the image that the recipe begins with. Its networks
# are in the namespace C, and its containers and images in memory.
. "$(dirname "$0")/_machine.sh"
for program in podman podman-compose; do
  command -v $program >/dev/null || skip "there is no $program: sudo tools/test --suite package installs it"
done
docs=$(readlink -f "$package_tests/../../docs/containers")
podman() { command podman --root "$lab/containers" --runroot "$lab/containers.run" "$@"; }

step "the image, of the packages as they are made"
packages_made
base=$(sed -n 's/^FROM //p' "$docs/Containerfile")
base=${base//'${DEBIAN}'/$(. /etc/os-release && echo "$VERSION_CODENAME")}
tar -C "$fetched/root" --exclude ./dev --exclude ./complete -c . | podman import - "$base" >"$lab/import.log" 2>&1
quietly podman build --network host --isolation chroot --pull=never -t warp -f "$docs/Containerfile" "$fetched"
[[ $(podman run --rm --network none --cgroups disabled warp id -un) == _warp ]]
