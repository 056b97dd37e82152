// Datagrams in a stream of bytes: what a TLS connection between a node and a map carries where no UDP gets through.
// Each frame is one datagram, and says which UDP port of the map it goes to or comes from.
//
//   stream-frame = length u16 | udp-port u16 | bytes                   ; length: of the bytes, 32 to 2048
//
// The port is not zero. Nothing is resynchronized: whoever sends another frame has its connection ended. What the bytes
// are is the business of who takes the datagram, as of one that came by UDP.
#ifndef WARP_DATAPLANE_WIRE_STREAM_FRAME_H_
#define WARP_DATAPLANE_WIRE_STREAM_FRAME_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "dataplane/wire/bytes.h"
#include "dataplane/wire/constants.h"

namespace warp::wire {

inline constexpr size_t kStreamHeaderSize = 4;
inline constexpr size_t kMinStreamDatagram = 32;  // no WARP datagram is shorter
inline constexpr size_t kMaxStreamDatagram = 2048;
inline constexpr size_t kMaxStreamFrame = kStreamHeaderSize + kMaxStreamDatagram;

struct StreamFrame {
  uint16_t udp_port = 0;
  MutableBytes datagram;
};

// Why a stream is none of ours.
enum class StreamFault : uint8_t { kNone, kTooShort, kTooLong, kNoPort };

constexpr bool FitsStream(size_t datagram_size) {
  return datagram_size >= kMinStreamDatagram && datagram_size <= kMaxStreamDatagram;
}
// Writes kStreamHeaderSize bytes. The size is one that fits.
void WriteStreamHeader(uint16_t udp_port, size_t datagram_size, uint8_t* out);

// Cuts what is received into frames, wherever it was cut on its way.
class StreamReader {
 public:
  // Where the next bytes go: never empty. Frames that Next gave before are gone then.
  MutableBytes Room();
  // So many bytes were put there.
  void Add(size_t size) { end_ += size; }

  // The next whole frame; nullopt: it has not come yet, or there is a fault, which stays.
  std::optional<StreamFrame> Next();
  StreamFault fault() const { return fault_; }
  // A frame has begun and is not whole.
  bool within_frame() const { return end_ > begin_; }

 private:
  // Of one record of TLS, and of a frame that the one before has begun.
  static constexpr size_t kRoom = 8 * kMaxStreamFrame;

  std::array<uint8_t, kRoom> bytes_;
  size_t begin_ = 0;
  size_t end_ = 0;
  StreamFault fault_ = StreamFault::kNone;
};

}  // namespace warp::wire

#endif  // WARP_DATAPLANE_WIRE_STREAM_FRAME_H_
