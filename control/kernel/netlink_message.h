// Building and reading of rtnetlink messages (rtnetlink(7)), a thin typed layer over libnl.
#ifndef WARP_CONTROL_KERNEL_NETLINK_MESSAGE_H_
#define WARP_CONTROL_KERNEL_NETLINK_MESSAGE_H_

#include <linux/netlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "dataplane/wire/bytes.h"
#include "dataplane/wire/endpoint.h"

namespace warp::control {

// AF_INET or AF_INET6.
int AddressFamily(const wire::IpAddress& address);

// A request to the kernel: header, the type's own structure, attributes.
class NetlinkRequest {
 public:
  template <typename Body>
  NetlinkRequest(uint16_t type, uint16_t flags, Body body)
      : NetlinkRequest(type, flags, &body, sizeof(body)) {}

  NetlinkRequest& Put(int attribute, uint32_t value);
  NetlinkRequest& PutByte(int attribute, uint8_t value);
  NetlinkRequest& PutPort(int attribute, uint16_t port);               // in network order
  NetlinkRequest& Put(int attribute, const wire::IpAddress& address);  // 4 or 16 bytes
  NetlinkRequest& PutBytes(int attribute, wire::Bytes bytes);

  wire::Bytes bytes() const;

 private:
  struct Free {
    void operator()(nl_msg* message) const { nlmsg_free(message); }
  };
  NetlinkRequest(uint16_t type, uint16_t flags, void* body, size_t size);

  std::unique_ptr<nl_msg, Free> message_;
};

// The attributes, by type, of a received message that begins with a `Body`. `Last` is the highest type of interest.
template <typename Body, int Last>
class NetlinkView {
 public:
  explicit NetlinkView(nlmsghdr* message) : message_(message) {
    valid_ = nlmsg_valid_hdr(message, sizeof(Body)) != 0 &&
             nlmsg_parse(message, sizeof(Body), attributes_.data(), Last, nullptr) == 0;
  }
  // The message is long enough for Body. Only then may the other functions be called.
  bool valid() const { return valid_; }
  const Body& body() const { return *static_cast<const Body*>(nlmsg_data(message_)); }

  nlattr* Find(int type) const { return attributes_[static_cast<size_t>(type)]; }
  std::optional<uint32_t> U32(int type) const {
    nlattr* a = Find(type);
    if (a == nullptr || nla_len(a) < 4) return std::nullopt;
    return nla_get_u32(a);
  }
  std::optional<wire::IpAddress> Address(int type) const;

 private:
  nlmsghdr* message_;
  bool valid_ = false;
  std::array<nlattr*, Last + 1> attributes_{};
};

// An address of 4 or 16 bytes; nullopt of other sizes.
std::optional<wire::IpAddress> ReadAddress(wire::Bytes bytes);

template <typename Body, int Last>
std::optional<wire::IpAddress> NetlinkView<Body, Last>::Address(int type) const {
  nlattr* a = Find(type);
  if (a == nullptr) return std::nullopt;
  return ReadAddress({static_cast<const uint8_t*>(nla_data(a)), static_cast<size_t>(nla_len(a))});
}

}  // namespace warp::control

#endif  // WARP_CONTROL_KERNEL_NETLINK_MESSAGE_H_
