#include "control/protocol/lan/lan_message.h"

#include <algorithm>
#include <cassert>
#include <cstring>

#include "dataplane/wire/byte_order.h"

namespace warp::protocol {
namespace {

using wire::Le16;
using wire::Le64;

constexpr std::array<uint8_t, 5> kMagic = {'W', 'A', 'R', 'P', 1};

struct Head {
  std::array<uint8_t, 5> magic;
  Le16 interface;
  Le64 epoch;
  Le64 number;
  LanChallenge challenge;
  Le16 udp_port;
  uint8_t addresses;
  uint8_t tags;
};
static_assert(sizeof(Head) == kLanHeaderSize);

using Address = std::array<uint8_t, 16>;
static_assert(sizeof(Address) == sizeof(LanTag));

bool Fits(const Head& head, size_t size) {
  return head.magic == kMagic && head.udp_port.value() != 0 && head.addresses >= 1 &&
         head.addresses <= kLanMaxAddresses && head.tags >= 1 && head.tags <= kLanMaxTags &&
         head.tags % kLanTagStep == 0 &&
         size == kLanHeaderSize + (size_t{head.addresses} + head.tags) * sizeof(LanTag);
}

}  // namespace

std::vector<uint8_t> EncodeLanHead(const LanAnnouncement& announcement, size_t tags) {
  assert(!announcement.addresses.empty() && announcement.addresses.size() <= kLanMaxAddresses);
  assert(tags > 0 && tags <= kLanMaxTags && tags % kLanTagStep == 0);
  const Head head{.magic = kMagic,
                  .interface = Le16(announcement.interface),
                  .epoch = Le64(announcement.epoch),
                  .number = Le64(announcement.number),
                  .challenge = announcement.challenge,
                  .udp_port = Le16(announcement.udp_port),
                  .addresses = static_cast<uint8_t>(announcement.addresses.size()),
                  .tags = static_cast<uint8_t>(tags)};
  std::vector<uint8_t> bytes(sizeof(head));
  wire::WriteAs(head, bytes.data());
  for (const wire::IpAddress& address : announcement.addresses) {
    bytes.insert(bytes.end(), address.bytes().begin(), address.bytes().end());
  }
  return bytes;
}

std::vector<uint8_t> EncodeLanAnnouncement(const LanAnnouncement& announcement) {
  std::vector<uint8_t> bytes = EncodeLanHead(announcement, announcement.tags.size());
  for (const LanTag& tag : announcement.tags) bytes.insert(bytes.end(), tag.begin(), tag.end());
  return bytes;
}

std::optional<LanAnnouncement> DecodeLanAnnouncement(wire::Bytes datagram) {
  if (datagram.size() < kLanHeaderSize) return std::nullopt;
  const Head head = wire::ReadAs<Head>(datagram.data());
  if (!Fits(head, datagram.size())) return std::nullopt;
  LanAnnouncement announcement{.interface = head.interface.value(),
                               .epoch = head.epoch.value(),
                               .number = head.number.value(),
                               .challenge = head.challenge,
                               .udp_port = head.udp_port.value()};
  const uint8_t* at = datagram.data() + kLanHeaderSize;
  for (size_t i = 0; i < head.addresses; ++i, at += sizeof(Address)) {
    announcement.addresses.push_back(wire::IpAddress::V6(wire::ReadAs<Address>(at)));
  }
  for (size_t i = 0; i < head.tags; ++i, at += sizeof(LanTag)) {
    announcement.tags.push_back(wire::ReadAs<LanTag>(at));
  }
  return announcement;
}

wire::Bytes LanHeadOf(const LanAnnouncement& announcement, wire::Bytes datagram) {
  return datagram.first(kLanHeaderSize + announcement.addresses.size() * sizeof(Address));
}

}  // namespace warp::protocol
