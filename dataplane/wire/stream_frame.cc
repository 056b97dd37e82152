#include "dataplane/wire/stream_frame.h"

#include <cassert>
#include <cstring>

#include "dataplane/wire/byte_order.h"

namespace warp::wire {

void WriteStreamHeader(uint16_t udp_port, size_t datagram_size, uint8_t* out) {
  assert(FitsStream(datagram_size) && udp_port != 0);
  WriteAs(Le16(static_cast<uint16_t>(datagram_size)), out);
  WriteAs(Le16(udp_port), out + 2);
}

MutableBytes StreamReader::Room() {
  if (begin_ == end_) {
    begin_ = end_ = 0;
  } else if (kRoom - end_ < kMaxStreamFrame) {
    std::memmove(bytes_.data(), bytes_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  return {bytes_.data() + end_, kRoom - end_};
}

std::optional<StreamFrame> StreamReader::Next() {
  if (fault_ != StreamFault::kNone || end_ - begin_ < kStreamHeaderSize) return std::nullopt;
  uint8_t* const frame = bytes_.data() + begin_;
  const size_t size = ReadAs<Le16>(frame).value();
  const uint16_t port = ReadAs<Le16>(frame + 2).value();
  if (size < kMinStreamDatagram) {
    fault_ = StreamFault::kTooShort;
  } else if (size > kMaxStreamDatagram) {
    fault_ = StreamFault::kTooLong;
  } else if (port == 0) {
    fault_ = StreamFault::kNoPort;
  }
  if (fault_ != StreamFault::kNone || end_ - begin_ < kStreamHeaderSize + size) return std::nullopt;
  begin_ += kStreamHeaderSize + size;
  return StreamFrame{.udp_port = port, .datagram = {frame + kStreamHeaderSize, size}};
}

}  // namespace warp::wire
