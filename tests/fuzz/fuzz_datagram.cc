// Reads any bytes as a datagram and as a plaintext. Whatever is accepted must be what the writer would have written.
#include <algorithm>
#include <array>
#include <vector>

#include "dataplane/wire/message.h"
#include "tests/fuzz/fuzz_target.h"

using namespace warp::wire;

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const Bytes bytes(data, size);
  if (ClassifyDatagram(bytes) == MessageType::kSealed) {
    if (const auto header = ReadDataHeader(bytes)) {
      std::array<uint8_t, kDataHeaderSize> written;
      WriteDataHeader(*header, written.data());
      WARP_FUZZ_CHECK(std::equal(written.begin(), written.end(), data));
    }
  }
  const auto kind = ClassifyPlaintext(bytes);
  const auto payload = ReadPayloadHeader(bytes);
  const auto fragment = ReadFragmentHeader(bytes);
  WARP_FUZZ_CHECK(!payload || kind == Kind::kPayload);
  WARP_FUZZ_CHECK(!fragment || kind == Kind::kFragment);
  const auto sequenced = ReadSequencedHeader(bytes);
  const auto sequenced_fragment = ReadSequencedFragmentHeader(bytes);
  WARP_FUZZ_CHECK(!sequenced || kind == Kind::kSequenced);
  WARP_FUZZ_CHECK(!sequenced_fragment || kind == Kind::kSequencedFragment);
  if (sequenced) {
    std::vector<uint8_t> written(HeaderSizeOf(Kind::kSequenced, sequenced->flow));
    WriteSequencedHeader(*sequenced, written.data());
    WARP_FUZZ_CHECK(std::equal(written.begin(), written.end(), data));
  }
  if (sequenced_fragment) {
    const size_t header = HeaderSizeOf(*kind, sequenced_fragment->payload.flow);
    std::vector<uint8_t> written(header);
    WriteSequencedFragmentHeader(*sequenced_fragment, written.data());
    WARP_FUZZ_CHECK(std::equal(written.begin(), written.end(), data));
    WARP_FUZZ_CHECK(sequenced_fragment->index < sequenced_fragment->count);
    WARP_FUZZ_CHECK(size - header <= sequenced_fragment->chunk);
  }
  const auto parity = ReadParityHeader(bytes);
  WARP_FUZZ_CHECK(!parity || kind == Kind::kParity);
  if (parity) {
    std::array<uint8_t, kParityHeaderSize> written;
    WriteParityHeader(*parity, written.data());
    WARP_FUZZ_CHECK(std::equal(written.begin(), written.end(), data));
  }
  if (payload) {
    std::vector<uint8_t> written(HeaderSizeOf(*kind, payload->flow));
    WritePayloadHeader(*payload, written.data());
    WARP_FUZZ_CHECK(std::equal(written.begin(), written.end(), data));
  }
  if (fragment) {
    const size_t header = HeaderSizeOf(*kind, fragment->flow);
    std::vector<uint8_t> written(header);
    WriteFragmentHeader(*fragment, written.data());
    WARP_FUZZ_CHECK(std::equal(written.begin(), written.end(), data));
    WARP_FUZZ_CHECK(fragment->index < fragment->count);
    WARP_FUZZ_CHECK(size - header <= fragment->chunk);
  }
  return 0;
}
