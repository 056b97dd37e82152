#include "dataplane/lcore/port/packet_socket/packet_filter.h"

#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstddef>

namespace warp::lcore {
namespace {

class Program {
 public:
  explicit Program(const PacketFilter& filter) : ip_(filter.ethernet ? uint32_t{ETH_HLEN} : 0) {
    Load(BPF_B | BPF_ABS, kPacketType);
    if (filter.whole_vlan) {
      DropIfAbove(PACKET_MULTICAST);  // Host, broadcast and multicast come before it.
    } else {
      DropUnless(PACKET_HOST);
    }
    LetInVlan(filter.vlan);
    if (filter.whole_vlan) {
      Return(UINT32_MAX);
    } else {
      LetInUdp(filter.port, filter.ethernet);
    }
  }

  bool Attach(int socket) {
    const sock_fprog program{static_cast<unsigned short>(size_), program_.data()};
    return setsockopt(socket, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) == 0;
  }

 private:
  // What the kernel knows beside the bytes of a frame.
  static constexpr uint32_t kPacketType = static_cast<uint32_t>(SKF_AD_OFF + SKF_AD_PKTTYPE);
  static constexpr uint32_t kTagged = static_cast<uint32_t>(SKF_AD_OFF + SKF_AD_VLAN_TAG_PRESENT);
  static constexpr uint32_t kTag = static_cast<uint32_t>(SKF_AD_OFF + SKF_AD_VLAN_TAG);
  static constexpr uint32_t kProtocol = static_cast<uint32_t>(SKF_AD_OFF + SKF_AD_PROTOCOL);
  static constexpr uint32_t kVlanMask = 0x0fff;

  // A tag of VLAN 0 has a priority alone: such a frame is of no VLAN, as one without a tag.
  void LetInVlan(uint16_t vlan) {
    Load(BPF_B | BPF_ABS, kTagged);
    const size_t is_untagged = Jump(BPF_JEQ, 0);
    Load(BPF_H | BPF_ABS, kTag);
    program_[size_++] = BPF_STMT(BPF_ALU | BPF_AND | BPF_K, kVlanMask);
    DropUnless(vlan);
    // Of a VLAN, the next statement for frames without a tag is the one that drops.
    program_[is_untagged].jt = static_cast<uint8_t>(size_ - is_untagged - (vlan == 0 ? 1 : 2));
  }

  void LetInUdp(uint16_t port, bool ethernet) {
    if (ethernet) {
      Load(BPF_H | BPF_ABS, offsetof(ethhdr, h_proto));
    } else {
      Load(BPF_H | BPF_ABS, kProtocol);
    }
    const size_t is_v6 = Jump(BPF_JEQ, ETH_P_IPV6);
    DropUnless(ETH_P_IP);
    Load(BPF_B | BPF_ABS, ip_ + 9);
    DropUnless(IPPROTO_UDP);
    Load(BPF_H | BPF_ABS, ip_ + 6);
    DropIfAnyOf(0x3fff);  // the flag "more fragments", and the fragment's offset
    // X = the length of the IPv4 header
    program_[size_++] = BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, ip_);
    Load(BPF_H | BPF_IND, ip_ + 2);
    DropUnless(port);
    Return(UINT32_MAX);
    program_[is_v6].jt = static_cast<uint8_t>(size_ - is_v6 - 1);
    Load(BPF_B | BPF_ABS, ip_ + 6);
    DropUnless(IPPROTO_UDP);
    Load(BPF_H | BPF_ABS, ip_ + 40 + 2);
    DropUnless(port);
    Return(UINT32_MAX);
  }

  void Load(uint16_t how, uint32_t at) {
    program_[size_++] = BPF_STMT(static_cast<uint16_t>(BPF_LD | how), at);
  }
  void Return(uint32_t bytes) { program_[size_++] = BPF_STMT(BPF_RET | BPF_K, bytes); }
  size_t Jump(uint16_t test, uint32_t value) {
    program_[size_] = BPF_JUMP(static_cast<uint16_t>(BPF_JMP | BPF_K | test), value, 0, 0);
    return size_++;
  }
  void DropUnless(uint32_t value) {
    program_[Jump(BPF_JEQ, value)].jt = 1;
    Return(0);
  }
  void DropIfAbove(uint32_t value) {
    program_[Jump(BPF_JGT, value)].jf = 1;
    Return(0);
  }
  void DropIfAnyOf(uint32_t bits) {
    program_[Jump(BPF_JSET, bits)].jf = 1;
    Return(0);
  }

  const uint32_t ip_;  // where the IP header begins
  std::array<sock_filter, 40> program_{};
  size_t size_ = 0;
};

}  // namespace

bool AttachPacketFilter(int socket, const PacketFilter& filter) {
  return Program(filter).Attach(socket);
}

}  // namespace warp::lcore
