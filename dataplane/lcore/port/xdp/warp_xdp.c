// The XDP program of an af_xdp port. It gives whole UDP datagrams to our port to the socket of their queue, and
// everything else to the kernel (RFC 791, RFC 8200, RFC 768). It knows only headers without options or extensions,
// because nodes send no others. Of a VLAN that the kernel has no interface for it gives everything to the socket.
//
// The program is compiled for the BPF machine at build time and embedded in warpd. xdp_program.cc writes the port number
// and the VLANs (IEEE 802.1Q) into it before each load.

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>

// They need the types of linux/bpf.h.
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

// What is ours of the frames of a VLAN.
enum { NOTHING, UDP_TO_OUR_PORT, ALL };

// xdp_program.cc finds this structure in the object file by its mark.
const volatile struct {
  char mark[8];
  __u16 udp_port;    // in network byte order
  __u8 vlans[4096];  // by number; 0 stands for frames without a tag
} settings = {{'W', 'A', 'R', 'P', 'P', 'O', 'R', 'T'}, 0, {0}};

struct vlan_tag {
  __be16 control;  // its lowest 12 bits are the number
  __be16 type;     // of what follows
};

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

  __u16 vlan = 0;
  __be16 type = ethernet->h_proto;
  void* packet = ethernet + 1;
  if (type == bpf_htons(ETH_P_8021Q)) {
    struct vlan_tag* tag = packet;
    if ((void*)(tag + 1) > end) return XDP_PASS;
    vlan = bpf_ntohs(tag->control) & 0x0fff;
    type = tag->type;
    packet = tag + 1;
  }
  __u8 ours = settings.vlans[vlan];
  if (ours == NOTHING) return XDP_PASS;
  // If the socket's process has died, the map is empty. The kernel then gets the frame.
  if (ours == ALL) return bpf_redirect_map(&xsks_map, context->rx_queue_index, XDP_PASS);

  struct udphdr* udp;
  if (type == bpf_htons(ETH_P_IP)) {
    struct iphdr* ip = packet;
    if ((void*)(ip + 1) > end) return XDP_PASS;
    if (ip->ihl != 5 || ip->protocol != IPPROTO_UDP) return XDP_PASS;
    // The flag "more fragments", or an offset.
    if (ip->frag_off & bpf_htons(0x3fff)) return XDP_PASS;
    udp = (void*)(ip + 1);
  } else if (type == bpf_htons(ETH_P_IPV6)) {
    struct ipv6hdr* ip = packet;
    if ((void*)(ip + 1) > end) return XDP_PASS;
    if (ip->nexthdr != IPPROTO_UDP) return XDP_PASS;
    udp = (void*)(ip + 1);
  } else {
    return XDP_PASS;
  }
  if ((void*)(udp + 1) > end || udp->dest != settings.udp_port) return XDP_PASS;
  return bpf_redirect_map(&xsks_map, context->rx_queue_index, XDP_PASS);
}

char program_license[] SEC("license") = "BSD";
