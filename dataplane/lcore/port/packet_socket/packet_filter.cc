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
  explicit Filter(uint16_t port) {
    constexpr uint32_t kPacketType = static_cast<uint32_t>(SKF_AD_OFF + SKF_AD_PKTTYPE);
    constexpr uint32_t kVlanTagged = static_cast<uint32_t>(SKF_AD_OFF + SKF_AD_VLAN_TAG_PRESENT);
    constexpr uint32_t kIp = ETH_HLEN;
    Load(BPF_B | BPF_ABS, kPacketType);
    DropUnless(PACKET_HOST);
    Load(BPF_B | BPF_ABS, kVlanTagged);
    DropUnless(0);
    Load(BPF_H | BPF_ABS, offsetof(ethhdr, h_proto));
    const size_t is_v6 = Jump(BPF_JEQ, ETH_P_IPV6);
    DropUnless(ETH_P_IP);
    Load(BPF_B | BPF_ABS, kIp + 9);
    DropUnless(IPPROTO_UDP);
    Load(BPF_H | BPF_ABS, kIp + 6);
    DropIfAnyOf(0x3fff);  // the flag "more fragments", and the fragment's offset
    // X = the length of the IPv4 header
    program_[size_++] = BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, kIp);
    Load(BPF_H | BPF_IND, kIp + 2);
    DropUnless(port);
    Return(UINT32_MAX);
    program_[is_v6].jt = static_cast<uint8_t>(size_ - is_v6 - 1);
    Load(BPF_B | BPF_ABS, kIp + 6);
    DropUnless(IPPROTO_UDP);
    Load(BPF_H | BPF_ABS, kIp + 40 + 2);
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

  std::array<sock_filter, 40> program_{};
  size_t size_ = 0;
};

}  // namespace

bool AttachPacketFilter(int socket, uint16_t port) { return Filter(port).Attach(socket); }

}  // namespace warp::lcore
