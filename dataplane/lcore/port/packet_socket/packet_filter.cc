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

class Filter {
 public:
  Filter(uint16_t port, bool ethernet) : ip_(ethernet ? uint32_t{ETH_HLEN} : 0) {
    constexpr uint32_t kPacketType = static_cast<uint32_t>(SKF_AD_OFF + SKF_AD_PKTTYPE);
    constexpr uint32_t kVlanTagged = static_cast<uint32_t>(SKF_AD_OFF + SKF_AD_VLAN_TAG_PRESENT);
    constexpr uint32_t kProtocol = static_cast<uint32_t>(SKF_AD_OFF + SKF_AD_PROTOCOL);
    Load(BPF_B | BPF_ABS, kPacketType);
    DropUnless(PACKET_HOST);
    Load(BPF_B | BPF_ABS, kVlanTagged);
    DropUnless(0);
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

  bool Attach(int socket) {
    const sock_fprog program{static_cast<unsigned short>(size_), program_.data()};
    return setsockopt(socket, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) == 0;
  }

 private:
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
  void DropIfAnyOf(uint32_t bits) {
    program_[Jump(BPF_JSET, bits)].jf = 1;
    Return(0);
  }

  const uint32_t ip_;  // where the IP header begins
  std::array<sock_filter, 40> program_{};
  size_t size_ = 0;
};

}  // namespace

bool AttachPacketFilter(int socket, uint16_t port, bool ethernet) {
  return Filter(port, ethernet).Attach(socket);
}

}  // namespace warp::lcore
