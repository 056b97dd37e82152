// The XDP program of an af_xdp port: whole UDP datagrams to our port go to the socket of their queue, the rest goes where it
// always went, to the kernel. RFC 791, RFC 8200, RFC 768; only headers without options or extensions, as nodes send them.
//
// Compiled for the BPF machine at build time and embedded in the program, which writes the port number into it before each
// load (driver_af_xdp.cc).

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

// Found by its mark in the object file.
const volatile struct {
  char mark[8];
  __u16 udp_port;  // network byte order
} settings = {{'W', 'A', 'R', 'P', 'P', 'O', 'R', 'T'}, 0};

// DPDK's driver looks for this name and puts its socket in, by queue.
struct {
  __uint(type, BPF_MAP_TYPE_XSKMAP);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, __u32);
} xsks_map SEC(".maps");

SEC("xdp")
int warp_xdp(struct xdp_md* context) {
  void* end = (void*)(long)context->data_end;
  struct ethhdr* ethernet = (void*)(long)context->data;
  if ((void*)(ethernet + 1) > end) return XDP_PASS;

  struct udphdr* udp;
  if (ethernet->h_proto == bpf_htons(ETH_P_IP)) {
    struct iphdr* ip = (void*)(ethernet + 1);
    if ((void*)(ip + 1) > end) return XDP_PASS;
    if (ip->ihl != 5 || ip->protocol != IPPROTO_UDP) return XDP_PASS;
    if (ip->frag_off & bpf_htons(0x3fff)) return XDP_PASS;  // more fragments, or an offset
    udp = (void*)(ip + 1);
  } else if (ethernet->h_proto == bpf_htons(ETH_P_IPV6)) {
    struct ipv6hdr* ip = (void*)(ethernet + 1);
    if ((void*)(ip + 1) > end) return XDP_PASS;
    if (ip->nexthdr != IPPROTO_UDP) return XDP_PASS;
    udp = (void*)(ip + 1);
  } else {
    return XDP_PASS;
  }
  if ((void*)(udp + 1) > end || udp->dest != settings.udp_port) return XDP_PASS;
  // Where the map has no socket, since its process died, the kernel gets the frame too.
  return bpf_redirect_map(&xsks_map, context->rx_queue_index, XDP_PASS);
}

char program_license[] SEC("license") = "BSD";
