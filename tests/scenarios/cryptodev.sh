#!/bin/bash
# A seals and opens with a crypto device of DPDK (its software driver), and B with libsodium. Both must understand each
# other.
#
#   A wan0 -- a0 - M - b0 -- wan0 B
#   A wan1 -- a1 -' '- b1 -- wan1 B
. "$(dirname "$0")/_init.sh"
crypto() { sed -i "s/^node:.*/&\n  crypto: $2/" "$lab/$1.yaml"; }
router
site A 2 4
site B 2 4
map_up
node_config A B
node_config B A
cp "$lab/A.yaml" "$lab/plain.yaml"
crypto A 'cryptodev\n  crypto_device: crypto_nothing0'
rejects A 'crypto_device crypto_nothing0: ' "$warpd" --config "$lab/A.yaml"
cp "$lab/plain.yaml" "$lab/A.yaml"
crypto A 'cryptodev\n  crypto_device: crypto_aesni_gcm0'
crypto B libsodium
node_up A
node_up B
wait_active A 4
wait_active B 4
status A 'status["node"]["engine"] == "cryptodev crypto_aesni_gcm0"' 1
status B 'status["node"]["engine"] == "libsodium"' 1
echo_up
traffic_for 2 2000 1200
nothing_lost
step "and it ends as it should"
stop A
stop B
