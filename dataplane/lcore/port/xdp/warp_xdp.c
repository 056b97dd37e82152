// The XDP program of an af_xdp port. It gives whole UDP datagrams to our port to the socket of their queue, and
// everything else to the kernel (RFC 791, RFC 8200, RFC 768). It knows only headers without options or extensions,
// because nodes send no others.
//
// The program is compiled for the BPF machine at build time and embedded in warpd. driver_af_xdp.cc writes the port
// number into it before each load.

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

// driver_af_xdp.cc finds this structure in the object file by its mark.
const volatile struct {
  char mark[8];
  __u16 udp_port;  // in network byte order
} settings = {{'W', 'A', 'R', 'P', 'P', 'O', 'R', 'T'}, 0};

// The driver of DPDK looks for a map of this name and puts the socket of each queue into it.
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
    // The flag "more fragments", or an offset.
    if (ip->frag_off & bpf_htons(0x3fff)) return XDP_PASS;
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
  // If the socket's process has died, the map is empty. The kernel then gets the frame.
  return bpf_redirect_map(&xsks_map, context->rx_queue_index, XDP_PASS);
}

char program_license[] SEC("license") = "BSD";
