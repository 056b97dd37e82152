// Cuts any bytes into frames, as they come from a TLS connection. The first byte says in which pieces they come.
#include <algorithm>
#include <vector>

#include "dataplane/wire/stream_frame.h"
#include "tests/fuzz/fuzz_target.h"

using namespace warp::wire;

namespace {

struct Heard {
  std::vector<uint8_t> bytes;
  StreamFault fault = StreamFault::kNone;
  friend bool operator==(const Heard&, const Heard&) = default;
};

Heard Read(Bytes stream, size_t piece) {
  StreamReader reader;
  Heard heard;
  while (!stream.empty() && reader.fault() == StreamFault::kNone) {
    const MutableBytes room = reader.Room();
    WARP_FUZZ_CHECK(room.size() >= kMaxStreamFrame);
    const size_t size = std::min({stream.size(), room.size(), piece});
    std::copy_n(stream.begin(), size, room.begin());
    reader.Add(size);
    stream = stream.subspan(size);
    while (const std::optional<StreamFrame> frame = reader.Next()) {
      WARP_FUZZ_CHECK(FitsStream(frame->datagram.size()) && frame->udp_port != 0);
      heard.bytes.push_back(static_cast<uint8_t>(frame->udp_port));
      heard.bytes.insert(heard.bytes.end(), frame->datagram.begin(), frame->datagram.end());
    }
  }
  heard.fault = reader.fault();
  return heard;
}

}  // namespace

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1) return 0;
  const Bytes stream{data + 1, size - 1};
  WARP_FUZZ_CHECK(Read(stream, size_t{data[0]} + 1) == Read(stream, 4096));
  return 0;
}
