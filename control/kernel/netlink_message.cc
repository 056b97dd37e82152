#include "control/kernel/netlink_message.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#include <algorithm>

namespace warp::control {

int AddressFamily(const wire::IpAddress& address) { return address.is_v4() ? AF_INET : AF_INET6; }

NetlinkRequest::NetlinkRequest(uint16_t type, uint16_t flags, void* body, size_t size)
    : message_(nlmsg_alloc_simple(type, NLM_F_REQUEST | flags)) {
  nlmsg_append(message_.get(), body, size, NLMSG_ALIGNTO);
}

NetlinkRequest& NetlinkRequest::Put(int attribute, uint32_t value) {
  nla_put_u32(message_.get(), attribute, value);
  return *this;
}

NetlinkRequest& NetlinkRequest::PutByte(int attribute, uint8_t value) {
  nla_put_u8(message_.get(), attribute, value);
  return *this;
}

NetlinkRequest& NetlinkRequest::PutPort(int attribute, uint16_t port) {
  nla_put_u16(message_.get(), attribute, htons(port));
  return *this;
}

NetlinkRequest& NetlinkRequest::Put(int attribute, const wire::IpAddress& address) {
  if (address.is_v4()) {
    const auto bytes = address.v4_bytes();
    nla_put(message_.get(), attribute, static_cast<int>(bytes.size()), bytes.data());
  } else {
    nla_put(message_.get(), attribute, static_cast<int>(address.bytes().size()),
            address.bytes().data());
  }
  return *this;
}

NetlinkRequest& NetlinkRequest::PutBytes(int attribute, wire::Bytes bytes) {
  nla_put(message_.get(), attribute, static_cast<int>(bytes.size()), bytes.data());
  return *this;
}

wire::Bytes NetlinkRequest::bytes() const {
  const nlmsghdr* header = nlmsg_hdr(message_.get());
  return {reinterpret_cast<const uint8_t*>(header), header->nlmsg_len};
}

std::optional<wire::IpAddress> ReadAddress(wire::Bytes bytes) {
  if (bytes.size() == 4) return wire::IpAddress::V4({bytes[0], bytes[1], bytes[2], bytes[3]});
  if (bytes.size() != 16) return std::nullopt;
  std::array<uint8_t, 16> all;
  std::copy(bytes.begin(), bytes.end(), all.begin());
  return wire::IpAddress::V6(all);
}

}  // namespace warp::control
